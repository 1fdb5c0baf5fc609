"""What the columns of a table are taken for, and which are chosen."""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from minidl_core.data import Column, Table, read_table
from minidl_core.data.reading import Reading
from minidl_core.data.source import open_table, open_table_like
from minidl_core.errors import DataError, RequestError

Write = Callable[..., str]
TARGET = ["yes", "no"] * 6


def csv_of(write: Callable[..., str], **columns: list[Any]) -> str:
    rows = zip(*columns.values(), strict=True)
    return write("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]))


def read(data: Any, target: Any = "t", **how: Any) -> Table:
    table = read_table(data, target, **how)
    assert isinstance(table, Table)
    return table


def repeated(*cells: Any) -> list[Any]:
    return [cells[i % len(cells)] for i in range(12)]


@pytest.mark.parametrize(
    ("cells", "kind", "categories", "numbers"),
    [
        (["1", "2.5"], "number", (), [1, 2.5]),
        (["-1", "+3"], "number", (), [-1, 3]),
        (["1e3", ".5"], "number", (), [1000, 0.5]),
        (["0", "1"], "number", (), [0, 1]),
        (["-0.0", "0"], "number", (), [-0.0, 0]),
        (["true", "false"], "boolean", (), [1, 0]),
        (["TRUE", "False"], "boolean", (), [1, 0]),
        (["true", "true"], "boolean", (), [1, 1]),
        (["yes", "no"], "category", ("no", "yes"), [1, 0]),
        (["a", " a "], "category", ("a",), [0, 0]),
        (["Ä", "z"], "category", ("z", "Ä"), [1, 0]),
        (["1_000", "2_000"], "category", ("1_000", "2_000"), [0, 1]),
        (["١٢", "٣"], "category", ("١٢", "٣"), [0, 1]),
        (["0x1f", "0x20"], "category", ("0x1f", "0x20"), [0, 1]),
        (["1,5", "2,5"], "category", ("1,5", "2,5"), [0, 1]),
    ],
)
def test_texts_are_numbers_booleans_or_categories(
    write: Write, cells: list[str], kind: str, categories: tuple[str, ...], numbers: list[float]
) -> None:
    quoted = [f'"{cell}"' if "," in cell else cell for cell in repeated(*cells)]
    table = read(csv_of(write, a=quoted, t=TARGET))
    assert table.columns == (Column("a", kind, categories),)
    assert table.features[:2, 0].tolist() == numbers
    assert math.copysign(1, table.features[0, 0]) == math.copysign(1, numbers[0])


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (pl.Series([1, 2] * 6, dtype=pl.UInt8), "number"),
        (pl.Series([2**64 - 1, 2] * 6, dtype=pl.UInt64), "number"),
        (pl.Series([10**30, 2] * 6, dtype=pl.Int128), "number"),
        (pl.Series([1, 2] * 6).cast(pl.Decimal(10, 2)), "number"),
        (pl.Series([True, False] * 6), "boolean"),
        (pl.Series(["true", "false"] * 6), "boolean"),
        (pl.Series(["true", "false"] * 6, dtype=pl.Categorical), "boolean"),
        (pl.Series(["1", "2"] * 6), "category"),  # a format with types says what is a number
        (pl.Series(["u", "v"] * 6, dtype=pl.Enum(["v", "u", "w"])), "category"),
    ],
    ids=lambda value: str(getattr(value, "dtype", value)),
)
def test_typed_columns_are_what_their_type_says(cells: pl.Series, kind: str) -> None:
    table = read(pl.DataFrame({"a": cells, "t": TARGET}))
    assert table.columns[0].kind == kind
    if kind == "number":
        assert table.features[:, 0].tolist() == [float(cell) for cell in cells]


def test_numbers_may_be_taken_as_categories_in_the_order_of_numbers(write: Write) -> None:
    path = csv_of(write, zip=repeated("10", "9", "10"), x=range(12), t=TARGET)
    table = read(path, categorical="zip")
    assert table.columns == (Column("zip", "category", ("9", "10")), Column("x"))
    assert table.features[:3, 0].tolist() == [1, 0, 1]
    same = read(pl.DataFrame({"zip": repeated(10.0, 9.0, 10.0), "t": TARGET}), categorical=["zip"])
    assert same.columns == (Column("zip", "category", ("9", "10")),)


def test_minus_zero_and_zero_are_one_category() -> None:
    assert read(pl.DataFrame({"a": repeated(-0.0, 0.0), "t": TARGET}), categorical="a").columns[0].categories == ("0",)


def test_few_texts_among_numbers_are_mistakes_and_many_are_categories(write: Write) -> None:
    with pytest.raises(DataError, match=r"row 12 \(line 13\), column 'a': 'q' is not a number.*--categorical 'a'"):
        read(csv_of(write, a=[*range(11), "q"], t=TARGET))
    assert read(csv_of(write, a=repeated("q", "r", "1"), t=TARGET)).columns[0].categories == ("1", "q", "r")


DATES = [
    "2024-01-{:02}",
    "2024-1-{}",
    "2024-01-{:02} 10:30",
    "2024-01-{:02}T10:30:00Z",
    "{:02}.01.2024",
    "1/{}/24",
    "{}/01/2024 10:30",
]


@pytest.mark.parametrize("spelling", DATES)
@pytest.mark.parametrize("how", [{}, {"categorical": "when"}])
def test_dates_are_refused_with_what_to_do(write: Write, spelling: str, how: dict[str, str]) -> None:
    path = csv_of(write, when=[spelling.format(i + 1) for i in range(12)], t=TARGET)
    message = (
        r"column 'when' has dates \('.*1.*'\).*make numbers of them.*--drop 'when' \(--time 'when' splits by them\)"
    )
    with pytest.raises(DataError, match=message):
        read(path, **how)


@pytest.mark.parametrize(
    "cell",
    [datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2), datetime.time(3, 4), datetime.timedelta(5)],
    ids=lambda cell: type(cell).__name__,
)
@pytest.mark.parametrize("how", [{}, {"categorical": "when"}, {"weight": "when"}])
def test_typed_dates_are_refused(cell: Any, how: dict[str, str]) -> None:
    with pytest.raises(DataError, match="column 'when' has dates"):
        read(
            pl.DataFrame({"when": [cell if how else None, *[cell] * 11], "x": range(12), "t": TARGET}),
            **how,
            missing="median",
        )


@pytest.mark.parametrize("task", [None, "classification", "regression"])
def test_dates_are_no_target(write: Write, task: str | None) -> None:
    path = csv_of(write, x=range(12), t=[f"2024-01-{1 + i % 3:02}" for i in range(12)])
    with pytest.raises(DataError, match="column 't' has dates"):
        read(path, task=task)
    with pytest.raises(DataError, match="column 't' has dates"):
        read(pl.DataFrame({"x": range(12), "t": [datetime.date(2024, 1, 1 + i % 3) for i in range(12)]}), task=task)


def test_a_model_of_numbers_refuses_dates_and_takes_booleans() -> None:
    def numbers(cell: Any) -> Table:
        frame = pl.DataFrame({"a": [cell] * 2, "t": [1.5, 2.5]})
        table = open_table_like(frame, [Column("a")], ["t"], None)
        assert isinstance(table, Table)
        return table

    with pytest.raises(DataError, match="column 'a' has dates"):
        numbers(datetime.date(2020, 1, 1))
    assert numbers(True).features.tolist() == [[1], [1]]
    assert numbers("7").features.tolist() == [[7], [7]]


@pytest.mark.parametrize(
    ("cells", "numbers"), [([1, 0], [1, 0]), ([1.0, 0.0], [1, 0]), (["True", "FALSE"], [1, 0]), (["1", "0"], [1, 0])]
)
def test_a_model_of_booleans_takes_them_in_every_spelling(cells: list[Any], numbers: list[float]) -> None:
    table = open_table_like(pl.DataFrame({"a": cells, "t": [1.5, 2.5]}), [Column("a", "boolean")], ["t"], None)
    assert isinstance(table, Table)
    assert table.features[:, 0].tolist() == numbers


@pytest.mark.parametrize("cell", [0.5, "yes", 2])
def test_a_model_of_booleans_refuses_all_else(cell: Any) -> None:
    with pytest.raises(DataError, match=rf"row 1, column 'a': '{cell}' is neither true nor false, nor is 1 more"):
        open_table_like(pl.DataFrame({"a": [cell] * 2, "t": [1.5, 2.5]}), [Column("a", "boolean")], ["t"], None)


@pytest.mark.parametrize("how", [{}, {"categorical": "id"}])
def test_texts_that_name_rows_are_refused(write: Write, how: dict[str, str]) -> None:
    ids = [f"row-{i}" for i in range(30)]
    with pytest.raises(DataError, match=r"column 'id' has 30 different texts in 30 rows, 'row-0'.*--drop 'id'"):
        read(csv_of(write, id=ids, x=range(30), t=["a", "b"] * 15), **how)


def test_twenty_categories_are_few_and_a_thousand_the_most(write: Write) -> None:
    assert len(read(csv_of(write, a=[f"c{i}" for i in range(20)], t=["u", "v"] * 10)).columns[0].categories) == 20
    thousand = [f"c{i % 1000}" for i in range(2000)]
    assert len(read(csv_of(write, a=thousand, t=["u", "v"] * 1000)).columns[0].categories) == 1000
    with pytest.raises(DataError, match="1001 different texts"):
        read(csv_of(write, a=[f"c{i % 1001}" for i in range(2002)], t=["u", "v"] * 1001))


def test_a_column_without_any_cell_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"all cells of column 'a' are missing; .*--drop 'a'"):
        read(csv_of(write, a=[""] * 12, b=range(12), t=TARGET), missing="median")


@pytest.mark.parametrize(
    "cells",
    [[[1]] * 12, [{"q": 1}] * 12, [b"q"] * 12, pl.Series([object()] * 12, dtype=pl.Object)],
    ids=["list", "struct", "binary", "object"],
)
@pytest.mark.parametrize("role", ["feature", "target", "weight", "key", "categorical"])
def test_cells_that_are_no_values_are_refused_whatever_they_are_for(cells: Any, role: str) -> None:
    frame = pl.DataFrame({"a": cells, "x": range(12), "t": TARGET})
    reading = {
        "feature": Reading("t"),
        "target": Reading("a"),
        "weight": Reading("t", weight="a"),
        "key": Reading("t", key="a", key_is="group"),
        "categorical": Reading("t", categorical="a"),
    }[role]
    with pytest.raises(DataError, match=r"column 'a' has cells of type .*--drop 'a'"):
        open_table(frame, reading)
    assert [column.name for column in read(frame, drop="a").columns] == ["x"]


def test_booleans_and_texts_may_be_classes_and_never_values() -> None:
    frame = pl.DataFrame({"x": range(12), "t": [True, False] * 6, "s": TARGET})
    assert read(frame).classes == ("false", "true")
    with pytest.raises(
        DataError, match=r"column 's': 'yes' is not a number, nor are 11 more of this column; correct it$"
    ):
        read(frame, ["x", "s"])
    with pytest.raises(RequestError, match="classes are one column, and not 2"):
        read(frame, ["t", "s"], task="classification")


WIDE = {name: list(range(12)) for name in ("a", "b", "c", "a,b")} | {"t": TARGET}


def chosen(**how: Any) -> list[str]:
    return [column.name for column in read(pl.DataFrame(WIDE), **how).columns]


def test_columns_are_chosen_by_name_and_by_list() -> None:
    assert chosen() == ["a", "b", "c", "a,b"]
    assert chosen(features="c, a") == ["c", "a"]
    assert chosen(features=["c", "a"]) == ["c", "a"]
    assert chosen(features="a,b") == ["a,b"]  # a column is called so
    assert chosen(features=["a,b", "c,a", "a"]) == ["a,b", "c", "a"]
    assert chosen(drop="a,c") == ["b", "a,b"]
    assert chosen(drop=["a,b"]) == ["a", "b", "c"]


@pytest.mark.parametrize("option", ["features", "drop", "categorical", "weight"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(option: str) -> None:
    with pytest.raises(RequestError, match="has no column 'd'"):
        chosen(**{option: "d"})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"features": "t"}, "'t' is the target, and can be nothing else"),
        ({"drop": "t"}, "'t' is the target, and can be nothing else"),
        ({"weight": "t"}, "'t' is the target, and can be nothing else"),
        ({"features": "a", "weight": "a"}, "'a' is what rows are split or weighted by, and cannot be a feature too"),
        ({"features": ["a", "b"], "drop": "b"}, "'b' is to leave out, and cannot be a feature too"),
        ({"features": "a", "categorical": "b"}, "'b' is not among the features, so it cannot be categorical"),
        ({"categorical": "t"}, "'t' is not among the features.*--task classification"),
    ],
)
def test_columns_for_two_purposes_are_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        chosen(**how)


def test_no_feature_left_is_refused() -> None:
    with pytest.raises(DataError, match="no column beside the target 't' that could be a feature"):
        chosen(drop=["a", "b", "c", "a,b"])


@pytest.mark.parametrize("name", ["", "  "])
def test_a_column_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="column 1 has no name"):
        read(pl.DataFrame({name: range(12), "t": TARGET}))


def test_a_name_may_be_long_and_odd() -> None:
    name = "x" * 100_000 + '\n"é,'
    assert read(pl.DataFrame({name: range(12), "t": TARGET}), features=[name]).columns == (Column(name),)


def test_cells_of_weight_0_are_left_out_and_weights_are_kept() -> None:
    table = read(pl.DataFrame({"x": range(12), "w": [0.0, 2, 0.5] * 4, "t": TARGET}), weight="w")
    assert table.weight is not None
    assert table.weight.tolist() == [2, 0.5] * 4
    assert table.features[:, 0].tolist() == [i for i in range(12) if i % 3]
    assert [column.name for column in table.columns] == ["x"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, -1], "row 2, column 'w': the weight -1 is less than 0"),
        ([0, 0], "all weights in 'w' are 0"),
        ([1, None], "missing cells, 6 of 'w'"),
        ([1.0, math.inf], "'inf' is not a finite number"),
        (["1", "q"], "row 2, column 'w': 'q' is not a number, nor are 5 more of this column; correct it$"),
        ([1.0, 1e-40], "row 2, column 'w': the weight 1e-40 is not from 1e-30 to 1e"),
        ([1.0, 1e200], "row 2, column 'w': the weight 1e.200 is not from 1e-30 to 1e"),
    ],
)
def test_weights_that_are_none_are_refused(weights: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(pl.DataFrame({"x": range(12), "w": weights * 6, "t": TARGET}), weight="w")


def test_categories_that_a_model_does_not_know_are_told_and_become_none(caplog: pytest.LogCaptureFixture) -> None:
    frame = pl.DataFrame({"a": ["u", "zz", None, "yy", "zz"], "t": [1.5] * 5, "more": [1] * 5})
    with caplog.at_level(logging.INFO, "minidl"):
        table = open_table_like(frame, [Column("a", "category", ("u", "v"))], ["t"], None, missing="median")
    assert isinstance(table, Table)
    assert table.features[:, 0].nan_to_num(9).tolist() == [0, -1, 9, -1, -1]
    assert caplog.messages == [
        "the frame: not used: 'more'",
        "the frame, column 'a': 'zz', 'yy' (rows: 3) unknown in training, taken as none of its categories",
    ]


def test_the_places_of_missing_cells_in_many_columns_are_looked_up_for_those_told_alone(write: Write) -> None:
    """Each place takes reading the file up to there."""
    columns = {f"x{i}": ["", *range(11)] for i in range(60)}
    with pytest.raises(DataError, match=r"1 of 'x0' \(in row 1 \(line 2\)\), .* and more in 10 other columns"):
        read(csv_of(write, **columns, t=TARGET))


def test_rows_of_blanks_are_no_rows_and_lines_are_counted_rightly_after_them(write: Write) -> None:
    path = write('a,b,t\n1,2,x\n , ,\n"",,""\n\n3,4,y\n5,q,x\n7,8,y\n')
    with pytest.raises(DataError, match=r"row 3 \(line 7\), column 'b': 'q'"):
        read(path)
    assert read(path, drop="b").features.flatten().tolist() == [1, 3, 5, 7]


def test_missing_rows_that_are_left_out_do_not_shift_the_rows_that_are_told(write: Write) -> None:
    path = write("a,b,t\n1,,x\n2,3,y\n4,1e999,x\n5,6,y\n7,8,x\n")
    with pytest.raises(DataError, match=r"row 3 \(line 4\), column 'b': '1e999' is not a finite number"):
        read(path, missing="drop")


def test_numbers_are_the_same_in_torch() -> None:
    cells = [0.1, 1 / 3, 1e-320, -1.7e308, 5e-324, 123456789.123456789] * 2
    table = read(pl.DataFrame({"a": cells, "t": TARGET}))
    assert torch.equal(table.features[:, 0], torch.tensor(cells, dtype=torch.float64))
