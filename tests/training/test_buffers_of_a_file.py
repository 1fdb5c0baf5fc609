"""What layers learn beside their parameters is in the model file, for every round, and anything else is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from model_bytes import model_file, parts
from plugin_code import Plugin
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.runs import train
from minidl_core.training import TrainedModel, load_model, save_model
from minidl_core.training.model_buffers import _tell_left_out
from minidl_core.training.model_file import require_savable

CODE = """
import torch
from torch import Tensor

from minidl_core.hookspecs import hookimpl
from minidl_core.nn import Module, saved


class Centred(Module):
    "x minus the mean of the batch; in evaluation the running one."

    x: Tensor = saved()
    input_argument = "features"

    def __init__(self, features: int) -> None:
        self.mean = torch.zeros(features)
        self.steps = torch.zeros((), dtype=torch.int64)

    def forward(self, x):
        self.x = x
        if not self.training:
            return x - self.mean.to(x).unsqueeze(-2)
        mean = x.mean(-2)
        self.mean = 0.9 * self.mean.to(x) + 0.1 * mean
        self.steps = self.steps + 1
        return x - mean.unsqueeze(-2)

    def backward(self, dy):
        return dy - dy.mean(-2, keepdim=True)


class Apart(Centred):
    takes_rounds = False

    def forward(self, x):
        [_, _] = x.shape
        return super().forward(x)


class Careless(Module):
    "The identity, which keeps what it need not."

    def forward(self, x):
        self.kept = x.clone()
        return x

    def backward(self, dy):
        return dy


class Growing(Centred):
    "One whose buffer has no size yet where it is new."

    def __init__(self, features: int) -> None:
        super().__init__(features)
        self.mean = torch.zeros(())


@hookimpl
def minidl_register_components(registry):
    for kind in (Centred, Apart, Careless, Growing):
        registry.layer(kind.__name__.lower(), f"{__name__}:{kind.__name__}", summary="for tests")
"""

ROWS = torch.randn(25, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def trained(plugin: Plugin) -> Callable[..., TrainedModel]:
    plugin("extra", CODE)

    def model(layer: str, rounds: int = 1, **options: Any) -> TrainedModel:
        spec = f"linear(2,4)-{layer}-tanh-linear(4,2)"
        options = {"loss": "mse", "optimizer": "sgd", "epochs": 3, "batch_size": 7, **options}
        return train(spec, "disk(n=40)", rounds=rounds, **options).trained

    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", ["centred(4)", "apart(4)", "h:(apart(4)-centred(4))", "round0:apart(4)"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_predictions_are_the_same_bit_for_bit(
    rounds: int, layer: str, dtype: str, trained: Callable[..., TrainedModel], tmp_path: Path
) -> None:
    model = trained(layer, rounds, dtype=dtype)
    require_savable(model)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    inputs = model.features.apply(ROWS, model.model.parameters.values.dtype)
    assert torch.equal(loaded.outputs(inputs), model.outputs(inputs))
    assert loaded.predict(ROWS) == model.predict(ROWS)
    save_model(loaded, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    found, _ = parts((tmp_path / "model").read_bytes())
    means = {name: one for name, one in found.items() if name.endswith("mean")}
    layers = 2 if "centred(4))" in layer else 1
    assert len(means) == layers * (rounds if "apart" in layer else 1)
    shape = (4,) if "apart" in layer or rounds == 1 else (rounds, 4)
    assert all(one.shape == shape and one.abs().min() > 0 for one in means.values())


@pytest.fixture
def good(trained: Callable[..., TrainedModel], tmp_path: Path) -> bytes:
    """A model of two rounds, with the buffers mean, `[2, 4]`, and steps."""
    save_model(trained("centred(4)", 2), tmp_path / "model")
    return (tmp_path / "model").read_bytes()


MEAN = "buffer:1.mean"


@pytest.mark.parametrize("mean", [torch.ones(4), torch.ones(2, 4), torch.ones(2, 4).double(), torch.ones(4).half()])
def test_a_buffer_of_one_round_or_of_each_is_taken(mean: Tensor, good: bytes, tmp_path: Path) -> None:
    tensors, header = parts(good)
    (tmp_path / "model").write_bytes(model_file({**tensors, MEAN: mean}, header))
    loaded = load_model(tmp_path / "model").model.layers_within()["1"]
    assert torch.equal(loaded.mean, mean)
    assert loaded.mean.dtype == mean.dtype


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({MEAN: None}, "its buffers ['1.steps'] are not those of 'linear(2,4)-centred(4)-tanh-linear(4,2)', which has"),
        ({MEAN: None, "buffer:1.means": torch.ones(4)}, "its buffers ['1.means', '1.steps'] are not those of"),
        ({"buffer:1.x": torch.ones(4)}, "its buffers ['1.mean', '1.steps', '1.x'] are not those of"),
        ({"buffer:1.forward": torch.ones(4)}, "its buffers ['1.forward', '1.mean', '1.steps'] are not those of"),
        ({"buffer:1.__class__": torch.ones(4)}, "its buffers ['1.__class__', '1.mean', '1.steps'] are not those of"),
        ({"buffer:2.mean": torch.ones(4)}, "its buffers ['1.mean', '1.steps', '2.mean'] are not those of"),
        ({"buffer:round0.1.mean": torch.ones(4)}, "are not those of"),
        ({"buffer:": torch.ones(4)}, "are not those of"),
        ({"1.mean": torch.ones(4)}, "are not those of"),
        ({MEAN: torch.ones(5)}, "its buffer '1.mean' is torch.float32 of shape [5], and a new layer has torch.float32"),
        (
            {MEAN: torch.ones(())},
            "of shape [], and a new layer has torch.float32 of shape [4] or [2, 4]; a layer makes",
        ),
        ({MEAN: torch.ones(3, 4)}, "of shape [3, 4], and a new layer has torch.float32 of shape [4] or [2, 4]"),
        ({MEAN: torch.ones(4, 2)}, "of shape [4, 2], and a new layer has torch.float32 of shape [4] or [2, 4]"),
        ({MEAN: torch.ones(1, 4)}, "of shape [1, 4], and a new layer has torch.float32 of shape [4] or [2, 4]"),
        ({MEAN: torch.ones(4) > 0}, "is torch.bool of shape [4], and a new layer has torch.float32"),
        ({MEAN: torch.ones(4).long()}, "is torch.int64 of shape [4], and a new layer has torch.float32"),
        ({"buffer:1.steps": torch.ones(())}, "its buffer '1.steps' is torch.float32 of shape [], and a new layer has"),
    ],
    ids=range(17),
)
def test_buffers_that_are_not_those_of_a_new_layer_are_refused(
    changes: dict[str, Tensor | None], words: str, good: bytes, tmp_path: Path
) -> None:
    tensors, header = parts(good)
    changed = {name: one for name, one in {**tensors, **changes}.items() if one is not None}
    (tmp_path / "model").write_bytes(model_file(changed, header))
    with pytest.raises(ModelFileError) as error:
        load_model(tmp_path / "model")
    assert words in str(error.value)


def test_rounds_one_by_one_each_need_their_own(trained: Callable[..., TrainedModel], tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(trained("apart(4)", 3), path)
    tensors, header = parts(path.read_bytes())
    named = {name for name in tensors if name.startswith("buffer:")}
    assert named == {f"buffer:round{r}.1.{name}" for r in range(3) for name in ("mean", "steps")}
    ours = {name: one for name, one in tensors.items() if name not in named}
    for changed in (
        {name: one for name, one in tensors.items() if "round2" not in name},
        {**ours, "buffer:1.mean": torch.ones(4), "buffer:1.steps": torch.ones((), dtype=torch.int64)},
        {name.replace("round2", "round3"): one for name, one in tensors.items()},
        {**tensors, "buffer:round1.1.mean": torch.ones(3, 4)},
    ):
        path.write_bytes(model_file(changed, header))
        with pytest.raises(ModelFileError, match=r"its buffers? "):
            load_model(path)


def test_what_a_new_layer_does_not_have_is_left_out_and_told_once(
    trained: Callable[..., TrainedModel], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _tell_left_out.cache_clear()
    model = trained("careless")
    with caplog.at_level(logging.WARNING, "minidl"):
        save_model(model, tmp_path / "model")
        save_model(model, tmp_path / "model")
    assert caplog.messages == [
        "'kept' of Careless is not in the model file, since a new Careless has no such tensor; a layer makes in "
        "__init__ what it learns, and declares what forward keeps for backward as saved()"
    ]
    assert load_model(tmp_path / "model").predict(ROWS) == model.predict(ROWS)


def test_what_a_new_layer_could_not_be_given_is_refused_when_saved(
    trained: Callable[..., TrainedModel], tmp_path: Path
) -> None:
    model = trained("growing(4)")
    for attempt in (lambda: save_model(model, tmp_path / "model"), lambda: require_savable(model)):
        with pytest.raises(ModelFileError, match=r"the model cannot be saved, .*: its buffer '1.mean'"):
            attempt()
    assert not (tmp_path / "model").exists()


def test_a_model_without_buffers_has_no_such_tensors(tmp_path: Path) -> None:
    save_model(train("linear(2,2)", "disk(n=20)", epochs=1).trained, tmp_path / "model")
    assert parts((tmp_path / "model").read_bytes())[0].keys() == {"0.weight", "0.bias"}
