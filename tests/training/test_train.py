"""What `train` takes, and what it refuses before it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plugin_code import HOOK, Plugin

from minidl_core.data import Disk, Table
from minidl_core.errors import (
    ArgumentError,
    DataError,
    MinidlError,
    PluginWarning,
    RequestError,
    ShapeError,
    SpecError,
)
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Sequential, Tanh
from minidl_core.optim import SGD
from minidl_core.runs import train
from minidl_core.training import Training, save_model


@pytest.fixture
def csv(tmp_path: Path) -> Callable[[int], str]:
    """A file of so many rows, `x,y,label`."""

    def written(rows: int) -> str:
        path = tmp_path / f"{rows}.csv"
        lines = [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(rows)]
        path.write_text("x,y,label\n" + "\n".join(lines) + "\n")
        return str(path)

    return written


def weights(training: Training) -> torch.Tensor:
    return training.trained.model.parameters.values


def test_names_and_components_train_alike() -> None:
    by_name = train("linear(_,4)-tanh-linear(4,_)", "disk(n=40)", loss="mse", optimizer="sgd(lr=0.2)", epochs=3)
    model = Sequential(Linear(2, 4), Tanh(), Linear(4, 2))
    by_component = train(model, Disk(n=40), loss=MSE(), optimizer=SGD(lr=0.2), epochs=3)
    assert torch.equal(by_name.history, by_component.history)
    assert torch.equal(weights(by_name), weights(by_component))
    assert str(by_name.trained.model) == str(by_component.trained.model) == "linear(2,4)-tanh-linear(4,2)"


def test_a_path_may_be_a_path(csv: Callable[[int], str]) -> None:
    options: dict[str, Any] = {"target": "label", "epochs": 1}
    one, other = (train("linear(_,_)", kind(csv(30)), test=kind(csv(20)), **options) for kind in (str, Path))
    assert (one.train, one.test) == (other.train, other.test)


def test_the_same_call_gives_the_same_training_whatever_ran_before() -> None:
    torch.manual_seed(1)
    first = train("linear(_,_)", "moons(n=40)", epochs=3, rounds=2)
    torch.manual_seed(2)
    train("linear(_,_)", "xor(n=40)", epochs=1)
    again = train("linear(_,_)", "moons(n=40)", epochs=3, rounds=2)
    assert torch.equal(first.history, again.history)
    assert torch.equal(weights(first), weights(again))
    assert (first.train, first.test) == (again.train, again.test)


def test_torchs_default_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    train("linear(_,_)", "disk(n=40)", epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    train("linear(_,_)", "disk(n=40)", epochs=1, threads=before + 1)
    assert torch.get_num_threads() == before
    with pytest.raises(RuntimeError, match="from a callback"):
        train("linear(_,_)", "disk(n=40)", epochs=1, threads=before + 1, on_epoch=_raise)
    assert torch.get_num_threads() == before


def _raise(*_: object) -> None:
    raise RuntimeError("from a callback")


def test_a_seed_of_numpy_is_a_seed(tmp_path: Path) -> None:
    plain = train("linear(_,_)", "disk(n=40)", epochs=1, seed=3, rounds=2)
    numpy = train("linear(_,_)", "disk(n=40)", epochs=1, seed=np.int64(3), rounds=2)  # type: ignore[arg-type]
    assert torch.equal(plain.history, numpy.history)
    save_model(numpy.trained, tmp_path / "model.safetensors")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_asked_for(dtype: str) -> None:
    training = train("linear(_,_)", "disk(n=40)", epochs=1, dtype=dtype)
    assert str(weights(training).dtype) == str(training.history.dtype) == f"torch.{dtype}"


def test_a_file_is_split_or_tested_on_another(csv: Callable[[int], str]) -> None:
    split = train("linear(_,_)", csv(20), target="label", test_fraction=0.25, epochs=1)
    assert split.data.test is not None
    assert (len(split.data.train.features), len(split.data.test.features)) == (15, 5)
    separate = train("linear(_,_)", csv(20), target="label", test=csv(8), epochs=1)
    assert separate.data.test is not None
    assert (len(separate.data.train.features), len(separate.data.test.features)) == (20, 8)
    whole = train("linear(_,_)", csv(20), target="label", test_fraction=0, epochs=1)
    assert whole.test is None
    assert len(whole.data.train.features) == 20


def test_two_classes_take_one_output_or_two() -> None:
    for model, outputs in ("linear(_,1)", 1), ("linear(_,2)", 2), ("linear(_,_)", 2):
        assert train(model, "disk(n=40)", epochs=1).trained.model.output_shape((2,)) == (outputs,)


def with_missing_cells(table: Table) -> Table:
    """Each fourth row lacks its first cell."""
    features = table.features.clone()
    features[::4, 0] = torch.nan
    return replace(table, features=features, weight=torch.arange(1.0, len(table) + 1).double(), weight_name="w")


@pytest.mark.parametrize("how", ["median", "mean", "most_frequent", "drop"])
def test_missing_cells_of_a_table_are_filled_in_or_their_rows_dropped(how: str, table_of: Any) -> None:
    table, test = with_missing_cells(table_of(rows=40)), with_missing_cells(table_of(rows=20))
    training = train("linear(_,_)", table, test=test, missing=how, epochs=2)
    rows = (30, 15) if how == "drop" else (40, 20)
    assert training.data.test is not None
    assert (training.data.train.rows, training.data.test.rows) == rows
    assert training.trained.features.missing == how
    assert (training.trained.features.fill is None) == (how == "drop")
    if how == "drop":
        kept = torch.arange(40) % 4 != 0
        assert table.weight is not None
        assert torch.equal(training.data.train.features, table.features[kept])
        assert torch.equal(training.data.train.target, table.target[kept])
        assert torch.equal(training.data.train.weight, table.weight[kept])


def test_missing_cells_of_a_table_are_refused_where_nothing_is_said_of_them(table_of: Any) -> None:
    whole, table = table_of(rows=40), with_missing_cells(table_of(rows=40))
    words = "the table has missing cells: 10 of 'x0'; missing='median', 'mean' or 'most_frequent' fills them in"
    for data, more in ((table, {}), (whole, {"test": table}), (whole, {"validation": table})):
        with pytest.raises(DataError, match=words):
            train("linear(_,_)", data, epochs=1, **more)
    every = replace(table, features=torch.full_like(table.features, torch.nan))
    with pytest.raises(DataError, match="a cell is missing in each of the table's 40 rows; drop would leave none"):
        train("linear(_,_)", every, missing="drop", epochs=1)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "rounds", "threads"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_counts_that_are_none_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=rf"{name} must be a whole number(, at least 1| from 1 to \d+), got {value}"):
        train("linear(_,_)", "disk(n=40)", **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dtype": "float16"}, RequestError, "dtype must be one of float32, float64, got 'float16'"),
        ({"loss": "msee"}, SpecError, "unknown loss 'msee'"),
        ({"optimizer": "sgd(lr=-1)"}, SpecError, "lr must be greater than 0"),
        ({"target": "label"}, RequestError, "dataset 'disk' has its own columns; leave the target 'label' out"),
        ({"missing": "median"}, RequestError, "dataset 'disk' has its own columns; leave the missing 'median' out"),
        ({"data": Disk(40), "missing": "mean"}, RequestError, "lack no cells; leave missing 'mean' out"),
        ({"data": Disk(40), "target": "label"}, RequestError, "have their own target, task and columns; leave out"),
        ({"test": "other.csv"}, RequestError, "a dataset draws its own samples"),
        ({"schedule": SGD}, RequestError, "schedule must be a Schedule or the spec of one, got <class"),
        ({"loss": len}, RequestError, "loss must be a Loss or the spec of one, got <built-in function len>"),
        ({"patience": 1.5}, ArgumentError, "patience must be a whole number, at least 1, got 1.5"),
        ({"l2": "0.1"}, ArgumentError, "l2 must be 0 or greater, and finite, got '0.1'"),
        (
            {"data": [[1.0, 2.0]]},
            RequestError,
            "data must be a dataset, a minidl_core.Table, a frame of polars or pandas, an array of NumPy's, or the "
            "spec or the path of one; got list",
        ),
        ({"data": Path("nowhere.csv"), "target": "t"}, DataError, "there is no file 'nowhere.csv'"),
        ({"data": "nowhere.csv", "target": "t"}, DataError, "there is no file 'nowhere.csv'"),
        ({"data": "dis"}, MinidlError, "disk"),
        ({"model": "linear(3,2)"}, SpecError, "expects 3 inputs but gets 2"),
        ({"model": "linear(2,5)"}, SpecError, "the model gives 5 outputs but the data needs 2 or 1"),
        ({"model": Sequential(Linear(2, 5))}, ShapeError, r"the model gives \[5\] but the data needs 2 or 1"),
        ({"model": Sequential(Linear(3, 2))}, ShapeError, "expects 3 inputs but gets 2"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(options: dict[str, Any], error: type[MinidlError], words: str) -> None:
    with pytest.raises(error, match=words):
        train(**{"model": "linear(_,_)", "data": "disk(n=40)", "epochs": 1, **options})


def test_what_several_plugins_claim_is_no_default(plugin: Plugin) -> None:
    code = HOOK + "".join(
        f'    registry.{kind}("{name}", "{target}", summary="another")\n'
        for kind, name, target in (
            ("loss", "cross_entropy", "minidl_core.losses.mae:MAE"),
            ("optimizer", "adam", "minidl_core.optim.sgd:SGD"),
        )
    )
    plugin("one", code)
    plugin("two", code)
    with pytest.warns(PluginWarning, match="both bring|all bring|have names"):
        training = train("linear(_,_)", "disk(n=40)", epochs=1)
    assert (str(training.trained.loss), str(training.optimizer)) == ("mse", "sgd")


def test_an_optimizer_that_remembers_another_training_is_refused() -> None:
    optimizer = SGD(0.1)
    train("linear(_,_)", "disk(n=40)", optimizer=optimizer, epochs=1)
    with pytest.raises(RequestError, match=r"has taken 2 steps before; give a new one, or its spec"):
        train("linear(_,_)", "disk(n=40)", optimizer=optimizer, epochs=1)
