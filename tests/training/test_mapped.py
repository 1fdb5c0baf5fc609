"""Training from a file larger than memory: what a table in memory gives, in rounds that are runs of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from minidl_core.data import MappedTable, Table, map_table, mapped, mapped_examples, npy, numeric
from minidl_core.data.rounds import Examples, examples_of
from minidl_core.losses import MSE
from minidl_core.optim import SGD
from minidl_core.runs import train
from minidl_core.spec import build_model
from minidl_core.training import Training, load_model, save_model
from minidl_core.training.loop import fit

MODEL = "linear(_,4)-tanh-linear(4,_)"
ROWS, FEATURES = 157, 3

MapOf = Callable[[bool], MappedTable]


@pytest.fixture
def map_of(tmp_path: Path, table_of: Any) -> MapOf:
    """A table of classes or of values, in a file."""

    def table(is_class: bool) -> MappedTable:
        given: Table = table_of(rows=ROWS, features=FEATURES, classes=("0", "1", "2") if is_class else None)
        array = np.concatenate([given.features.numpy(), given.target.reshape(-1, 1).double().numpy()], 1)
        np.save(tmp_path / "table.npy", array)
        return map_table(str(tmp_path / "table.npy"), str(FEATURES), "classification" if is_class else "regression")

    return table


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 rows, taken 16 at a time, read 5 at a time."""
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 40 * 8 * FEATURES)
    monkeypatch.setattr(mapped_examples, "PIECE_BYTES", 16 * 8 * FEATURES)
    monkeypatch.setattr(npy, "READ_BYTES", 5 * 8 * (FEATURES + 1))


def trained(table: Table | MappedTable, **options: Any) -> Training:
    return train(MODEL, table, **{"epochs": 4, "batch_size": 10, "dtype": "float64", **options})


def weights(training: Training) -> torch.Tensor:
    return training.trained.model.parameters.values


every_kind = pytest.mark.parametrize("is_class", [True, False], ids=["classes", "values"])


@every_kind
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("test_fraction", [0.0, 0.2])
def test_a_table_of_one_block_trains_to_the_bit_as_in_memory(
    map_of: MapOf, is_class: bool, dtype: str, rounds: int, test_fraction: float
) -> None:
    table = map_of(is_class)
    options = {"dtype": dtype, "rounds": rounds, "test_fraction": test_fraction}
    ours, theirs = trained(table, **options), trained(table.rows(slice(None)), **options)
    assert torch.equal(ours.history, theirs.history)
    assert torch.equal(weights(ours), weights(theirs))
    # Where rounds share their rows, a product of all rounds at once may round otherwise.
    for found, expected in (ours.train, theirs.train), (ours.test, theirs.test):
        assert (found is None) == (expected is None)
        for name, figure in (expected or {}).items():
            assert found is not None
            assert found[name].values == pytest.approx(figure.values, rel=1e-6)


@every_kind
def test_many_pieces_of_one_block_train_as_one(map_of: MapOf, monkeypatch: pytest.MonkeyPatch, is_class: bool) -> None:
    monkeypatch.setattr(mapped_examples, "PIECE_BYTES", 16 * 8 * FEATURES)
    table = map_of(is_class)
    ours, theirs = trained(table, rounds=2), trained(table.rows(slice(None)), rounds=2)
    torch.testing.assert_close(ours.history, theirs.history, rtol=0, atol=1e-12)
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=0, atol=1e-10)


@pytest.mark.usefixtures("in_blocks")
@every_kind
@pytest.mark.parametrize("test_fraction", [0.0, 0.2])
def test_each_round_over_blocks_is_the_run_of_its_own(map_of: MapOf, is_class: bool, test_fraction: float) -> None:
    table = map_of(is_class)
    assert table.blocks == 4
    together = trained(table, rounds=3, seed=5, test_fraction=test_fraction)
    for r in range(3):
        alone = trained(table, seed=5 + r, test_fraction=test_fraction)
        torch.testing.assert_close(together.history[:, r], alone.history, rtol=0, atol=1e-12)
        torch.testing.assert_close(weights(together)[r], weights(alone), rtol=0, atol=1e-10)
        for ours, own in (together.train, alone.train), (together.test, alone.test):
            for name, figure in (own or {}).items():
                assert ours is not None
                assert ours[name].values[r] == pytest.approx(figure.values[0], abs=1e-9)


@pytest.mark.usefixtures("in_blocks")
@every_kind
@pytest.mark.parametrize("rounds", [1, 3])
def test_the_figures_of_pieces_are_those_of_all_rows_at_once(map_of: MapOf, is_class: bool, rounds: int) -> None:
    training = trained(map_of(is_class), rounds=rounds)
    for figures, part in (training.train, training.data.train), (training.test, training.data.test):
        assert figures is not None
        assert part is not None
        whole: Examples | None = None
        for piece in part.pieces():
            whole = whole.followed_by(piece) if whole else piece
        assert whole is not None
        for name, figure in training.trained.evaluate(whole).items():
            assert figures[name].values == pytest.approx(figure.values, rel=1e-9)


@pytest.mark.usefixtures("in_blocks")
@every_kind
def test_the_capture_of_a_step_holds_for_all_blocks(map_of: MapOf, is_class: bool) -> None:
    training = trained(map_of(is_class), rounds=2)
    examples = training.trained.prepare(training.data.train)
    found = []
    for capture in True, False:
        model = build_model(str(training.trained.model)).initialize([0, 1], dtype=torch.float64)
        options: dict[str, Any] = {"epochs": 3, "batch_size": 10, "seeds": [0, 1], "capture": capture}
        found.append((fit(model, examples, MSE(), SGD(0.1), **options), model.parameters.values))
    torch.testing.assert_close(*found, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("in_blocks")
def test_a_value_is_learned_over_blocks_as_well_as_in_memory(map_of: MapOf) -> None:
    table = map_of(False)
    options: dict[str, Any] = {"epochs": 40, "optimizer": "sgd"}
    ours, theirs = trained(table, **options), trained(table.rows(slice(None)), **options)
    assert ours.test is not None
    assert theirs.test is not None
    assert ours.test["r2"].mean > 0.95
    assert ours.test["r2"].mean == pytest.approx(theirs.test["r2"].mean, abs=0.03)


@pytest.mark.usefixtures("in_blocks")
@every_kind
def test_a_path_is_data_and_test_data_and_the_model_file_has_its_columns(
    map_of: MapOf, tmp_path: Path, is_class: bool
) -> None:
    path = map_of(is_class).file.path
    task = "classification" if is_class else "regression"
    training = train(MODEL, path, target=str(FEATURES), task=task, test=path, epochs=2)
    assert training.data.train.rows == ROWS
    assert training.test == training.train
    save_model(training.trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.features.columns == numeric("0", "1", "2")
    assert loaded.target_names == ("3",)
    assert loaded.evaluate(examples_of(map_of(is_class))) == training.train


MEASURED = """
import sys
import numpy as np
from minidl_core.data import mapped, mapped_examples
from minidl_core.runs import train

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

def trained(path):
    train("linear(_,4)-relu-linear(4,_)", path, target="64", task="classification", epochs=1, batch_size=500, rounds=2)

sys.modules["llvmlite"] = None  # LLVM takes its own memory, once a training is long
mapped.BLOCK_BYTES = 2**20
mapped_examples.PIECE_BYTES = 2**18
small, large = sys.argv[1:]
trained(small)
before = peak()
trained(large)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured with Linux's /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    for name, rows in ("small.npy", 2**13), ("large.npy", 2**18):
        array = np.lib.format.open_memmap(tmp_path / name, "w+", "f4", (rows, 65))
        for start in range(0, rows, 2**13):
            x = np.random.default_rng(start).standard_normal((2**13, 65), "f4")
            x[:, -1] = x[:, 0] > 0
            array[start : start + 2**13] = x
        array.flush()
        del array
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "small.npy"), str(tmp_path / "large.npy")],
        check=True,
        capture_output=True,
        text=True,
    )
    # The larger file has 66 MB more.
    assert int(ran.stdout) < 10e6
