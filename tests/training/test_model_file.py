"""A model file gives back the very model: its predictions bit for bit, its names and scales; or is not written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from minidl_core.data import Column, Table, numeric
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.data.rounds import Examples
from minidl_core.errors import ModelFileError, StorageError
from minidl_core.losses import MSE
from minidl_core.nn import Initializer, Linear, Module, ReLU, Sequential, Zeros
from minidl_core.runs import train
from minidl_core.training import TrainedModel, Training, load_model, save_model
from minidl_core.training.model_file import require_savable

Change = Callable[[TrainedModel], TrainedModel]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def rows() -> Tensor:
    return 10 + torch.randn(25, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as opened:
        header: dict[str, Any] = json.loads(opened.metadata()["minidl"])
    return header


def test_predictions_and_figures_are_the_same_bit_for_bit(training: Training, path: Path) -> None:
    save_model(training.trained, path)
    loaded = load_model(path)
    assert loaded.predict(rows()) == training.trained.predict(rows())
    assert loaded.evaluate(training.data.train) == training.train
    inputs = training.trained.prepare(Examples(training.data.train.features, training.data.train.target)).features
    assert torch.equal(loaded.model.forward(inputs), training.trained.model.forward(inputs))


def assert_same_fields(found: Any, expected: Any) -> None:
    """Tensors bit for bit."""
    assert type(found) is type(expected)
    for field in fields(expected):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(theirs, Tensor):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs)
        else:
            assert ours == theirs


@pytest.mark.parametrize("missing", ["median", None])
@pytest.mark.parametrize("rounds", [1, 3])
def test_columns_of_every_kind_are_the_same(rounds: int, missing: str | None, path: Path) -> None:
    columns = (*numeric("x"), Column("is", "boolean"), Column("of", "category", ("a", "b", "c")))
    draw = torch.Generator().manual_seed(0)
    of = torch.randint(2, (rounds, 30), generator=draw)  # nothing of c
    cells = [torch.randn(rounds, 30, generator=draw), of % 2, of]
    features = torch.stack([one.double() for one in cells], -1)
    if missing:
        features[:, ::4, :] = torch.nan
    rows = features if rounds > 1 else features[0]
    trained = train("linear(5,2)", table_with(5), loss="mse", epochs=1, rounds=rounds).trained
    trained = replace(trained, features=Preprocessing.fit(columns, [rows], "min_max", missing), weight_name="w")
    assert trained.features.seen is not None
    save_model(trained, path)
    loaded = load_model(path)
    assert loaded.weight_name == "w"
    assert_same_fields(loaded.features, trained.features)
    assert loaded.predict(features[0]) == trained.predict(features[0])


def table_with(features: int) -> Table:
    x = torch.randn(20, features, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return Table(x, (x[:, 0] > 0).long(), numeric(*map(str, range(features))), ("t",), ("no", "yes"))


def test_everything_about_the_model_is_the_same(training: Training, path: Path) -> None:
    trained = training.trained
    save_model(trained, path)
    loaded = load_model(path)
    for name in ("target_names", "weight_name", "classes", "seeds", "rounds"):
        assert getattr(loaded, name) == getattr(trained, name)
    assert str(loaded.model) == str(trained.model)
    assert str(loaded.loss) == str(trained.loss)
    assert_same_fields(loaded.features, trained.features)
    assert (loaded.target is None) == (trained.target is None)
    if trained.target is not None:
        assert_same_fields(loaded.target, trained.target)
    assert torch.equal(loaded.model.parameters.values, trained.model.parameters.values)


def test_a_loaded_model_is_saved_to_the_same_bytes(training: Training, path: Path) -> None:
    save_model(training.trained, path)
    again = path.with_name("again.safetensors")
    save_model(load_model(path), again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype: str, path: Path) -> None:
    training = train("linear(_,_)", "disk(n=20)", epochs=1, dtype=dtype)
    save_model(training.trained, path)
    assert str(load_model(path).model.parameters.values.dtype) == f"torch.{dtype}"


def test_parameters_stand_in_the_file_by_name_with_their_rounds(training: Training, path: Path) -> None:
    save_model(training.trained, path)
    with safe_open(path, framework="pt") as opened:
        found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118, it is no dict
    expected = training.trained.model.named_parameters()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], parameter.value) for name, parameter in expected.items())


def test_the_header_is_text_that_names_registered_components_alone(training: Training, path: Path) -> None:
    save_model(training.trained, path)
    header = header_of(path)
    assert header["model"] == str(training.trained.model)
    assert header["loss"] == "mse"
    provider = {"plugin": "core", "distribution": "minidl-core", "version": metadata.version("minidl-core")}
    for kind, name in (("layer", "linear"), ("loss", "mse")):
        assert {"kind": kind, "name": name, **provider} in header["providers"]


def test_components_within_components_have_their_provider_too(path: Path) -> None:
    training = train("h:(linear(_,4,init=zeros)-tanh)*2-linear(4,_)", "disk(n=20)", epochs=1)
    save_model(training.trained, path)
    named = {(one["kind"], one["name"]) for one in header_of(path)["providers"]}
    assert named >= {("layer", "tanh"), ("layer", "linear"), ("initializer", "zeros")}


def test_a_folder_of_a_run_is_read_as_its_model(training: Training, path: Path) -> None:
    save_model(training.trained, path)
    assert load_model(path.parent).predict(rows()) == load_model(str(path)).predict(rows())


class Unregistered(ReLU):
    """A layer of a user's own, that no plugin registers."""


class Constant(Zeros):
    """An initializer of a user's own."""


class Squared(MSE):
    """A loss of a user's own."""


class Wrapped(Module):
    """A layer of a user's own that holds another."""

    def __init__(self, inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.inner.backward(dy)


def with_model(*layers: Module) -> Change:
    return lambda trained: replace(trained, model=Sequential(*layers))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (with_model(Linear(2, 2), Unregistered()), "Unregistered"),
        (with_model(Linear(2, 2), Sequential(ReLU(), Unregistered()).labelled("h")), "Unregistered"),
        (with_model(Wrapped(Linear(2, 2))), "Wrapped"),
        (with_model(Linear(2, 2, init=Constant())), "Constant"),
        (lambda trained: replace(trained, loss=Squared()), "Squared"),
    ],
)
def test_what_is_not_registered_is_refused_before_anything_is_written(change: Change, name: str, path: Path) -> None:
    trained = change(train("linear(_,_)", "disk(n=20)", epochs=1).trained)
    for attempt in (lambda: require_savable(trained), lambda: save_model(trained, path)):
        with pytest.raises(ModelFileError, match=f"{name} is not registered by any plugin"):
            attempt()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda trained: replace(trained, classes=tuple(map(str, range(500_001)))),
            "its header has more than 500,000 values, which no model needs",
        ),
        (lambda trained: replace(trained, target_names=("x" * 2**24,)), "its header has 16,77"),
        (lambda trained: replace(trained, target_names=("\ud800",)), "its header has text with half a character"),
        (
            with_model(Linear(2, 2), *(Linear(2, 2).labelled(f"l{k}") for k in range(8000))),
            "its spec has a spec error: ",
        ),
    ],
    ids=range(4),
)
def test_what_could_not_be_loaded_is_refused_before_anything_is_written(
    change: Change, reason: str, path: Path
) -> None:
    trained = change(train("linear(2,2)", "disk(n=20)", epochs=1).trained)
    for attempt in (lambda: require_savable(trained), lambda: save_model(trained, path)):
        with pytest.raises(ModelFileError) as error:
            attempt()
        assert str(error.value).startswith(f"the model cannot be saved, since no one could load it: {reason}")
    assert list(path.parent.iterdir()) == []


@pytest.fixture
def old(path: Path) -> bytes:
    """A model file that is there already."""
    save_model(train("linear(_,_)", "xor(n=20)", epochs=1).trained, path)
    return path.read_bytes()


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    function: str, old: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    trained = train("linear(_,_)", "disk(n=20)", epochs=1).trained
    with monkeypatch.context() as patched:
        patched.setattr(os, function, fail)
        with pytest.raises(StorageError, match=r"cannot write .*: No space left on device"):
            save_model(trained, path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == old


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    function: str, old: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    trained = train("linear(_,_)", "disk(n=20)", epochs=1).trained
    with monkeypatch.context() as patched:
        patched.setattr(os, function, interrupt)
        with pytest.raises(KeyboardInterrupt):
            save_model(trained, path)
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == old


def test_saving_again_replaces_the_old_file(old: bytes, path: Path) -> None:
    trained = train("linear(_,_)", "disk(n=20)", epochs=1).trained
    save_model(trained, path)
    assert path.read_bytes() != old
    assert torch.equal(load_model(path).model.parameters.values, trained.model.parameters.values)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("place", ["absent/model.safetensors", "file/model.safetensors", "folder"])
def test_a_place_that_cannot_be_written_is_refused_by_name(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    trained = train("linear(_,_)", "disk(n=20)", epochs=1).trained
    with pytest.raises(StorageError, match=f"cannot write '{tmp_path / place}': "):
        save_model(trained, tmp_path / place)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_model_file_may_be_read_by_those_who_may_read_any_file_of_its_owner(path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_model(train("linear(_,_)", "disk(n=20)", epochs=1).trained, path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_initializers_are_not_needed_to_load(path: Path) -> None:
    trained = train(f"linear(_,_,init={Initializer.of('normal(std=2)')})", "disk(n=20)", epochs=1).trained
    save_model(trained, path)
    state = torch.get_rng_state()
    assert torch.equal(load_model(path).model.parameters.values, trained.model.parameters.values)
    assert torch.equal(torch.get_rng_state(), state)
