"""Each illness that is planted gets its message, once; what is well gets none, and is trained as if nobody looked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from needs import needs
from torch import Tensor

from minidl_core.data import Table, map_table, numeric
from minidl_core.data.rounds import Examples
from minidl_core.errors import DivergedError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, ReLU, Sequential, Zeros
from minidl_core.nn.saved import saved
from minidl_core.runs import train
from minidl_core.training import Training, experiment
from minidl_core.training.diagnosis.look import Double

DATA = "disk(n=150)"
DEAD = "linear(2,8)-sigmoid-linear(8,8,init=normal(mean=-50,std=0.1))-relu-linear(8,2)"
SATURATED = "linear(2,8)-sigmoid-linear(8,8,init=normal(mean=50,std=0.1))-tanh-linear(8,2)"
GREATER = "try a greater learning rate, or other features, if these say nothing of the target"
SMALLER_FIRST = "try smaller first weights (init=xavier_uniform)"
Trained = Callable[..., list[str]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Trained:
    """The messages of a training."""

    def run(model: Sequential | str, data: Any = DATA, **options: Any) -> list[str]:
        caplog.clear()
        train(model, data, **{"loss": "mse", "optimizer": "sgd", "epochs": 5, "batch_size": 15, **options})
        return caplog.messages

    return run


def under(text: str, layer: str, last: bool = False) -> str:
    """A text with one of its parts underlined."""
    at = text.rindex(layer) if last else text.index(layer)
    return f"  {text}\n  {' ' * at}{'^' * len(layer)}"


@pytest.mark.parametrize(("rounds", "among"), [(1, ""), (3, " (in all 3 rounds)")])
def test_a_dead_relu(told: Trained, rounds: int, among: str) -> None:
    [message] = told(DEAD, rounds=rounds)
    said, shown = message.split("\n", 1)
    assert said == (
        "after epoch 1: this relu is dead: it gives 0 for all rows of a sample, and no gradient passes" + among
    )
    assert shown.startswith(under(DEAD, "relu") + "  try a smaller learning rate, or ")
    assert shown.endswith(" in its place")


def test_the_rounds_that_are_ill_are_named(told: Trained) -> None:
    model = "linear(2,8)-sigmoid-linear(8,1,init=normal(std=30))-relu-linear(1,2)"
    [message] = told(model, rounds=6, optimizer="sgd(lr=1e-5)")
    by_themselves = [len(told(model, seed=seed, optimizer="sgd(lr=1e-5)")) for seed in range(6)]
    ill = ", ".join(str(r + 1) for r, messages in enumerate(by_themselves) if messages)
    assert 0 < sum(by_themselves) < 6
    assert f" (in round {ill} of 6)\n{under(model, 'relu')}  try" in message


@pytest.mark.parametrize("rate", [1.5, 2.0])
def test_a_relu_that_dies_of_the_learning_rate(told: Trained, rate: float) -> None:
    model = "linear(2,4)-relu-linear(4,4)-relu-linear(4,2)"
    messages = told(model, "disk(n=1000)", rounds=6, optimizer=f"sgd(lr={rate})", batch_size=32)
    assert messages
    assert all("this relu is dead" in message and under(model, "relu", last=True) in message for message in messages)


def test_a_relu_some_of_whose_units_are_dead_is_not_told_of(told: Trained) -> None:
    assert told("linear(2,64,init=normal(std=3))-relu-linear(64,2)", optimizer="sgd(lr=0.01)") == []


def test_a_relu_that_seldom_gives_anything_is_not_dead(told: Trained) -> None:
    x = torch.zeros(2000, 2, dtype=torch.float64)
    x[1], x[2] = 1, -1  # standardized, 31; no row that a look takes
    table = Table(x, torch.arange(2000) % 2, numeric("a", "b"), ("class",), ("no", "yes"))
    model = Sequential(Linear(2, 3, init=Zeros()), Shift(10), ReLU(), Linear(3, 2))
    assert len(told(model, table, test_fraction=0)) == 1
    model = Sequential(Shift(10), ReLU(), Linear(2, 2))
    assert told(model, table, test_fraction=0, optimizer="sgd(lr=1e-5)") == []


def test_a_saturated_tanh(told: Trained) -> None:
    [message] = told(SATURATED, rounds=2)
    assert message == (
        "after epoch 4: this tanh is saturated: hardly any gradient passes 100 % of its outputs (in all 2 rounds)\n"
        f"{under(SATURATED, 'tanh')}  {SMALLER_FIRST} before it, or a smaller learning rate"
    )


@needs("cross_entropy")
@pytest.mark.parametrize("std", [100, 1000])
def test_a_sigmoid_that_only_some_of_the_gradient_passes(told: Trained, std: int) -> None:
    model = f"linear(2,8,init=normal(std={std}))-sigmoid-linear(8,2)"
    [message] = told(model, "disk", loss="cross_entropy", rounds=3, epochs=10, batch_size=32)
    assert message.startswith("after epoch 4: this sigmoid is saturated: hardly any gradient passes 9")
    assert under(model, "sigmoid") in message


def test_a_loss_of_one_outlier_has_not_risen(told: Trained) -> None:
    """The loss of an epoch is of all rows; whether it rose is seen in the same rows before and after."""
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = x.sum(-1, keepdim=True)
    y[1] = 1e4
    table = Table(x, y, numeric("a", "b"), ("y",), None)
    assert told("linear(2,4)-tanh-linear(4,1)", table, test_fraction=0, rounds=3, optimizer="sgd(lr=0.01)") == []


def test_a_sigmoid_that_is_exactly_zero_is_saturated_and_not_dead(told: Trained) -> None:
    model = "linear(2,8)-sigmoid-linear(8,8,init=normal(mean=-99,std=0.1))-sigmoid-linear(8,2)"
    [message] = told(model)
    assert message.startswith("after epoch 4: this sigmoid is saturated")
    assert under(model, "sigmoid", last=True) in message


def test_a_gradient_that_vanishes(told: Trained) -> None:
    [message] = told("(linear(_,8)-sigmoid)*10-linear(_,_)", epochs=20)
    said, shown, carets = message.split("\n")
    assert said.startswith("after epoch 4: the gradient vanishes on its way to this linear: it is ")
    assert said.endswith(" of that at the last one with weights")
    assert shown.startswith("  linear(2,8)-sigmoid-")
    assert carets.startswith("  ^^^^^^^^^^^  try relu for sigmoid and tanh, greater first weights, or ")


def test_a_gradient_that_explodes(told: Trained) -> None:
    layers = [f"linear({size},25,init=normal(std=10))" for size in (2, 25, 25, 25, 25)]
    [message] = told("-".join([*layers, "linear(25,2)"]), optimizer="sgd(lr=1e-30)", epochs=20)
    said, shown, carets = message.split("\n")
    assert said.startswith("after epoch 4: the gradient explodes on its way to this linear: it is ")
    assert shown.startswith(f"  {layers[0]}-{layers[1]}-")
    assert carets.startswith(f"  {'^' * len(layers[0])}  {SMALLER_FIRST}, or ")


@pytest.mark.parametrize(("epochs", "when"), [(7, None), (8, 8), (40, 16)])
def test_a_loss_that_has_not_moved(told: Trained, epochs: int, when: int | None) -> None:
    messages = told("linear(2,8)-relu-linear(8,2)", optimizer="sgd(lr=1e-9)", epochs=epochs, rounds=2)
    expected = [f"after epoch {when}: the loss has not moved from what it was with the first weights, "] if when else []
    assert [message[: len(start)] for message, start in zip(messages, expected, strict=True)] == expected
    for message in messages:
        assert message.endswith(f" (in all 2 rounds)\n{under('sgd(lr=1e-09)', 'lr=1e-09')}  {GREATER}")


def test_a_loss_that_has_risen(told: Trained) -> None:
    [message] = told("linear(2,2)", loss="mae", optimizer="sgd(lr=100)", epochs=30)
    assert message.startswith("after epoch 4: the loss is ")
    assert message.endswith(
        f" times that of the first weights\n{under('sgd(lr=100)', 'lr=100')}  "
        "try a smaller learning rate, or a clip_norm"
    )


def test_a_default_learning_rate_is_shown_as_the_optimizer(told: Trained) -> None:
    [message] = told("linear(2,2)", optimizer="sgd", loss=Flat(), epochs=8)
    assert message.split("\n")[1:] == ["  sgd", f"  ^^^  {GREATER}"]


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("linear(2,25)-relu-linear(25,2)", "linear(25,2)"),
        ("a:(linear(2,25)-tanh)-b:linear(25,2)", "linear(25,2)"),
    ],
)
def test_a_training_that_diverges_says_which_layer_does(model: str, layer: str) -> None:
    with pytest.raises(DivergedError) as caught:
        train(model, DATA, loss="mse", optimizer="sgd(lr=1e6)", rounds=2)
    first, said, *shown = str(caught.value).split("\n")
    assert first.endswith("Try a smaller learning rate first")
    assert said.startswith("with the weights that it keeps: one more step would change the weights of this linear by ")
    assert said.endswith(" times their size")
    assert "\n".join(shown) == f"{under(model, layer)}  try a smaller learning rate, or a clip_norm"


def test_numbers_that_overflow_are_told_at_the_first_layer_where_they_do() -> None:
    layers = ["linear(2,9,init=normal(std=1e9))", "linear(9,2,init=normal(std=1e9))"]
    with pytest.raises(DivergedError) as caught:
        train("-".join(layers), DATA, loss="mse", optimizer="sgd(lr=1e6)")
    assert "the numbers overflow in this linear: its output or gradient is " in str(caught.value)
    first = layers[0].replace("1e9", "1000000000")
    assert f"\n  {first}-" in str(caught.value)
    assert f"\n  {'^' * len(first)}  try a smaller" in str(caught.value)


class Flat(MSE):
    """One so flat that no step is taken."""

    def derivative(self) -> Tensor:
        return super().derivative() * 1e-20


class Shift(Module):
    """y = x - by, which no text can name."""

    def __init__(self, by: float = 1000.0) -> None:
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x - self.by

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def test_a_model_that_has_no_text_is_told_of_without(told: Trained) -> None:
    [message] = told(Sequential(Linear(2, 8), Shift(), ReLU(), Linear(8, 2)))
    assert "\n" not in message
    assert message.startswith("after epoch 1: relu (layer 2) is dead: it gives 0 for all rows of a sample, ")
    assert "; try a smaller learning rate" in message


class AloneReLU(ReLU):
    """One without round axes."""

    takes_rounds = False


def test_rounds_that_are_computed_one_after_the_other(told: Trained) -> None:
    first, message = told(Sequential(Linear(2, 8), Shift(), AloneReLU(), Linear(8, 2)), rounds=2)
    assert first.startswith("rounds are computed one after the other")
    assert "AloneReLU (layer 2) is dead" in message
    assert "(in all 2 rounds)" in message


class Drawing(Module):
    """A layer that draws, and that remembers how often it was called, in a tensor and in Python."""

    mask: Tensor = saved()

    def __init__(self) -> None:
        self.calls, self.count = torch.zeros(()), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1)
        self.mask = torch.rand_like(x) + 0.5 if self.training else torch.ones_like(x)
        return x * self.mask

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.mask


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_training_is_the_same_as_without(monkeypatch: pytest.MonkeyPatch, capture: bool, rounds: int) -> None:
    def trained() -> tuple[Training, Drawing]:
        drawing = Drawing()
        torch.manual_seed(3)
        model = Sequential(Linear(2, 8), ReLU(), drawing, Linear(8, 2))
        return train(
            model, DATA, loss="mse", optimizer="sgd", epochs=9, batch_size=20, rounds=rounds, capture=capture
        ), drawing

    looked_at, drew = trained()
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "Diagnosis", MagicMock())
        alone, drew_alone = trained()
    one, other = looked_at.trained.model.parameters, alone.trained.model.parameters
    assert torch.equal(one.values, other.values)
    assert torch.equal(one.grads, other.grads)
    assert torch.equal(looked_at.history, alone.history)
    assert torch.equal(drew.calls, drew_alone.calls)
    assert (looked_at.train, looked_at.test) == (alone.train, alone.test)


class Single(Module):
    """A layer of which nobody can make a second one."""

    def __deepcopy__(self, _: Any) -> Any:
        raise RuntimeError("there is but one")

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def test_a_model_that_cannot_be_looked_at_is_trained_all_the_same(told: Trained) -> None:
    assert told(Sequential(Linear(2, 8), Single(), Linear(8, 2)), optimizer="sgd(lr=1e-9)", epochs=9) == []


def test_a_table_that_is_read_in_blocks(told: Trained, tmp_path: Path) -> None:
    rows = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)).numpy()
    np.save(tmp_path / "table.npy", rows)
    table = map_table(tmp_path / "table.npy", "2")
    [message] = told(DEAD.replace("linear(8,2)", "linear(8,1)"), table)
    assert "this relu is dead" in message


@pytest.mark.parametrize("optimizer", ["sgd", "sgd(lr=0.5)"])
def test_the_report_s_training_is_well_at_every_epoch(
    told: Trained, report_model: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if optimizer == "sgd":  # the other's first epochs are all saturated, and get well
        monkeypatch.setattr("minidl_core.training.diagnosis.diagnosis.TIMES", 0)
    assert told(report_model, "disk", rounds=3, epochs=80, batch_size=10, optimizer=optimizer) == []


@needs("adam", "cross_entropy")
@pytest.mark.parametrize("optimizer", ["adam(lr=0.01)", "adam(lr=0.05)", "sgd"])
@pytest.mark.parametrize(("table", "target"), [("iris", "species"), ("digits", "digit")])
def test_healthy_tables_get_no_message(
    told: Trained, table: str, target: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minidl_core.training.diagnosis.diagnosis.TIMES", 0)
    path = Path(__file__).parents[2] / "examples" / "data" / f"{table}.csv"
    model = "linear(_,16)-relu-linear(16,16)-tanh-linear(16,_)"
    options = {"loss": "cross_entropy", "optimizer": optimizer, "target": target}
    assert told(model, path, rounds=3, epochs=40, batch_size=32, **options) == []


def test_a_look_lets_go_of_what_went_through(report_model: str) -> None:
    trained = train(report_model, DATA, epochs=1).trained
    double = Double(trained.model, trained.loss)
    x, target = torch.randn(4, 2), torch.zeros(4, 2)
    double.forward(Examples(x, target))
    double.backward()
    double.forget()
    assert all(one.x.numel() == 0 for passages in double.passages.values() for one in passages)
