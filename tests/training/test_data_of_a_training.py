"""What may be given to a training as data, and what is refused before it begins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import torch

from minidl_core.data import Table, read_table
from minidl_core.errors import DataError, RequestError
from minidl_core.runs import train

MODEL = "linear(_,3)-tanh-linear(3,_)"
FRAME = pl.DataFrame(
    {
        "a": [None if i % 4 == 0 else float(i) for i in range(20)],
        "b": ["u", "v", "w", "u"] * 5,
        "g": list(range(20)),
        "t": ["x", "y"] * 10,
    }
)


def trained(data: Any = FRAME, **options: Any) -> Any:
    named = {"target": "t", "features": "a,b"} if isinstance(data, pl.DataFrame) else {}
    return train(MODEL, data, **{**named, "missing": "mean", "loss": "mse", "epochs": 1, **options})


def table_of(**how: Any) -> Table:
    table = read_table(FRAME, "t", missing="mean", **{"features": "a,b", **how})
    assert isinstance(table, Table)
    return table


def test_a_table_that_was_read_is_filled_in_as_its_frame_is() -> None:
    one, other = trained(), trained(table_of())
    assert torch.equal(one.history, other.history)
    assert one.test == other.test


def test_a_table_with_missing_cells_says_what_it_takes() -> None:
    with pytest.raises(DataError, match=r"the table has missing cells: 5 of 'a'; .*'drop' leaves their rows out"):
        trained(table_of(), missing=None)
    assert torch.equal(trained(table_of(), missing="drop").history, trained(missing="drop").history)


@pytest.mark.parametrize("part", ["test", "validation"])
def test_parts_that_are_tables_must_be_of_the_same_columns_and_classes(part: str) -> None:
    assert trained(table_of(), **{part: table_of()}).test is not None
    for other, what in (
        (table_of(features="b,a"), "features"),
        (table_of(features="a"), "features"),
        (table_of(categorical="a"), "features"),
        (replace(table_of(), target_names=("other",)), "targets"),
        (replace(table_of(), classes=("y", "x")), "classes"),
    ):
        with pytest.raises(RequestError, match=f"must have the {what} of the training data, in the same order"):
            trained(table_of(), **{part: other})


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("given", [5, [1, 2], {"a": [1]}])
def test_parts_that_are_no_data_are_refused_by_their_type(part: str, given: Any) -> None:
    with pytest.raises(RequestError, match=f"data must be .*; got {type(given).__name__}"):
        trained(**{part: given})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 5}, r"target must be the name of a column, or several; got 5"),
        ({"target": None}, "needs a target, the column to predict"),
        ({"features": [0]}, r"features must be the name of a column, or several; got \[0\]"),
        ({"drop": 0}, "drop must be the name of a column, or several; got 0"),
        ({"group": ["b"]}, "must be the name of a column"),
        ({"group": ""}, "has no column ''"),
        ({"weight": ""}, "has no column ''"),
        ({"folds": 2.5}, "folds must be a whole number, at least 2, got 2.5"),
        ({"folds": True}, "folds must be a whole number, at least 2, got True"),
        ({"folds": "3"}, "folds must be a whole number, at least 2, got '3'"),
        ({"folds": 0}, "folds must be a whole number, at least 2, got 0"),
        ({"folds": -1}, "folds must be a whole number, at least 2, got -1"),
        ({"test_fraction": "0.2"}, "the test fraction must be at least 0 and less than 1, got '0.2'"),
        ({"test_fraction": float("nan")}, "the test fraction must be at least 0 and less than 1, got nan"),
        ({"validation_fraction": 1}, "the validation fraction must be at least 0 and less than 1, got 1"),
        ({"missing": "zero"}, "missing must be one of median, mean, most_frequent, drop"),
        ({"scaling": "robust"}, "scaling must be one of standardize, min_max, none"),
        ({"patience": 0}, "patience must be a whole number, at least 1"),
    ],
)
def test_requests_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        trained(**options)


@pytest.mark.parametrize("option", ["weight", "group", "time", "split", "missing", "features", "drop", "categorical"])
def test_a_dataset_has_its_own_columns(option: str) -> None:
    with pytest.raises(RequestError, match="dataset 'disk' has its own columns; leave the "):
        train(MODEL, "disk(n=20)", loss="mse", epochs=1, **{option: "mean"})


@pytest.mark.parametrize(
    "options", [{"group": "g"}, {"folds": 20}, {"folds": 20, "patience": 1}, {"group": "g", "folds": 20}]
)
def test_parts_of_a_row_are_parts(options: dict[str, Any]) -> None:
    training = trained(**options, metrics=["f1"], epochs=2)
    assert all(torch.tensor(figure.values).isfinite().all() for figure in training.train.values())


def test_a_column_that_a_fold_has_no_cell_of_is_refused_with_the_round() -> None:
    frame = FRAME.with_columns(a=pl.Series([None] * 19 + [1.0]))
    with pytest.raises(DataError, match=r"column 'a' has no cell in the 19 training rows of round \d+"):
        trained(frame, folds=20)


def test_a_class_that_the_training_rows_lack_is_no_obstacle() -> None:
    frame = FRAME.with_columns(t=pl.Series(["x", "y"] * 9 + ["x", "z"]), part=pl.Series(["train"] * 18 + ["test"] * 2))
    training = trained(frame, split="part", class_weight="balanced", metrics=["f1"])
    assert training.trained.classes == ("x", "y", "z")
    assert training.history.isfinite().all()


def test_a_validation_fraction_beside_a_column_that_says_it_is_refused() -> None:
    parts = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4
    frame = FRAME.with_columns(part=pl.Series(parts))
    with pytest.raises(RequestError, match="the split column says what is for validation"):
        trained(frame, split="part", validation_fraction=0.2)
    assert trained(frame, split="part", patience=1).data.validation.rows == 4
    without = FRAME.with_columns(part=pl.Series(["train"] * 16 + ["test"] * 4))
    assert trained(without, split="part", validation_fraction=0.25).data.validation.rows == 4


def test_standard_input_is_read_once() -> None:
    with pytest.raises(RequestError, match="standard input can be read once"):
        trained("-", target="t", test="-")
