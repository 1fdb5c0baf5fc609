"""What is chosen where nothing is asked for, with plugins and without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from needs import needs

from minidl_core.losses import Loss
from minidl_core.plugins import loaded_plugins
from minidl_core.runs import train
from minidl_core.spec import build_model
from minidl_core.training.defaults import (
    default_loss,
    default_model,
    default_optimizer,
    default_schedule,
    warn_of_last_layer,
)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Without any plugin."""
    monkeypatch.setenv("MINIDL_LOAD_PLUGINS", "")
    loaded_plugins.cache_clear()
    yield
    monkeypatch.undo()
    loaded_plugins.cache_clear()


@pytest.mark.parametrize(
    ("inputs", "outputs", "width"),
    [(1, 1, 32), (4, 3, 32), (32, 2, 32), (33, 2, 64), (3, 64, 64), (3, 65, 128), (200, 2, 256), (5000, 2, 256)],
)
def test_the_width_of_the_model_comes_from_the_data(inputs: int, outputs: int, width: int) -> None:
    spec = default_model(inputs, outputs)
    assert spec == f"linear(_,{width})-relu-linear({width},{width})-relu-linear({width},_)"
    assert build_model(spec, (inputs,), (outputs,)).output_shape((inputs,)) == (outputs,)


MODELS = [
    ("linear(3,4)-relu-linear(4,2)", ("a", "b"), "cross_entropy"),
    ("linear(3,3)", ("a", "b", "c"), "cross_entropy"),
    ("linear(3,1)", ("a", "b"), "binary_cross_entropy"),
    ("linear(3,2)-sigmoid", ("a", "b"), "mse"),
    ("linear(3,1)-tanh", ("a", "b"), "mse"),
    ("linear(3,2)-h:(linear(2,2)-sigmoid)", ("a", "b"), "mse"),
    ("h:(linear(3,2)-g:(relu-linear(2,2)))", ("a", "b"), "cross_entropy"),
    ("linear(3,1)", None, "mse"),
    ("linear(3,2)", None, "mse"),
]


@needs("cross_entropy", "binary_cross_entropy", "adam")
@pytest.mark.parametrize(("spec", "classes", "loss"), MODELS)
def test_the_loss_fits_the_target_and_the_end_of_the_model(spec: str, classes: Any, loss: str) -> None:
    assert default_loss(classes, build_model(spec), 3) == loss
    assert default_optimizer() == "adam"


@pytest.mark.parametrize(("spec", "classes", "_"), MODELS)
@pytest.mark.usefixtures("alone")
def test_without_plugins_the_core_has_what_it_takes(spec: str, classes: Any, _: str) -> None:
    assert default_loss(classes, build_model(spec), 3) == "mse"
    assert default_optimizer() == "sgd"


def test_the_rate_falls_only_where_no_optimizer_was_chosen() -> None:
    assert (default_schedule(False), default_schedule(True)) == ("cosine", "constant")


FRAME = pl.DataFrame({"a": [i * 7 % 10 for i in range(40)], "b": [i % 2 for i in range(40)], "t": ["u", "v"] * 20})
CODE = """
import json, polars as pl, sys
from minidl_core.runs import train
frame = pl.DataFrame({"a": [i * 7 % 10 for i in range(40)], "b": [i % 2 for i in range(40)], "t": ["u", "v"] * 20})
done = train(None, frame, target="t", epochs=30)
print(json.dumps([str(one) for one in (done.trained.loss, done.optimizer, done.schedule, done.trained.model)]
    + [done.test["accuracy"].mean]))
"""


@pytest.mark.parametrize(
    ("allowed", "loss", "optimizer"),
    [
        ("", "mse", "sgd"),
        pytest.param("extra_losses", "cross_entropy", "sgd", marks=needs("cross_entropy")),
        pytest.param("optim", "mse", "adam", marks=needs("adam")),
        pytest.param(None, "cross_entropy", "adam", marks=needs("adam", "cross_entropy")),
    ],
)
def test_what_is_taken_depends_on_the_plugins_that_are_loaded(allowed: str | None, loss: str, optimizer: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MINIDL_LOAD_PLUGINS"}
    if allowed is not None:
        environment["MINIDL_LOAD_PLUGINS"] = allowed
    ran = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    *specs, accuracy = json.loads(ran.stdout)
    assert [spec.partition("(")[0] for spec in specs[:3]] == [loss, optimizer, "cosine"]
    assert specs[3] == "linear(2,32)-relu-linear(32,32)-relu-linear(32,2)"
    assert accuracy > 0.9


def test_a_choice_of_ones_own_is_taken() -> None:
    done = train("linear(_,2)-sigmoid", FRAME, target="t", loss="mae", optimizer="sgd(lr=0.5)", epochs=1)
    assert (str(done.trained.loss), str(done.optimizer), str(done.schedule)) == ("mae", "sgd(lr=0.5)", "constant")


@needs("binary_cross_entropy")
def test_a_single_output_of_two_classes_learns_them() -> None:
    done = train("linear(_,8)-relu-linear(8,1)", FRAME, target="t", epochs=60, batch_size=8)
    assert str(done.trained.loss) == "binary_cross_entropy"
    assert done.train["accuracy"].mean > 0.95
    assert set(done.trained.predict(done.data.test.features)) <= {"u", "v"}


@pytest.mark.usefixtures("alone")
def test_a_single_output_of_two_classes_learns_them_without_plugins() -> None:
    done = train("linear(_,8)-relu-linear(8,1)", FRAME, target="t", epochs=100, batch_size=4)
    assert str(done.trained.loss) == "mse"
    assert done.train["accuracy"].mean > 0.95


@needs("nll", "log_softmax", "softplus")
@pytest.mark.parametrize(
    ("loss", "last"),
    [
        *(("nll", "log_softmax"), ("kl_divergence", "log_softmax"), ("poisson_nll(log_input=false)", "softplus")),
        *(("poisson_nll", None), ("cross_entropy", None), ("mse", None)),
    ],
)
def test_a_model_ends_in_the_layer_that_its_loss_is_of(loss: str, last: str | None, caplog: Any) -> None:
    spec = default_model(4, 3, Loss.of(loss))
    assert spec.rpartition("-")[2] == (last or "linear(32,_)")
    for model, is_told in (("linear(4,3)", last is not None), (spec, False), ("h:(linear(4,3)-relu)", False)):
        caplog.clear()
        warn_of_last_layer(Loss.of(loss), build_model(model, (4,), (3,)))
        said = (
            f"the loss {Loss.of(loss)} is of what {last} gives, and the model ends in linear(4,3); append -{last} to it"
        )
        assert caplog.messages == [said] * is_told
