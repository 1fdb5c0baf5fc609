"""One table in every format and frame, and broken files of each."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from minidl_core.data import Column, Table, read_table
from minidl_core.data.files import READERS
from minidl_core.errors import DataError, RequestError

Write = Callable[..., str]

ROWS = 12
AGE = [None if i % 5 == 0 else i + 0.5 for i in range(ROWS)]
COUNT = [3 * i - 7 for i in range(ROWS)]
OK = [i % 3 == 0 for i in range(ROWS)]
TOWN = [["Zürich", "a, b", 'say "x"'][i % 3] for i in range(ROWS)]
T = ["yes" if i % 2 else "no" for i in range(ROWS)]
CELLS = {"age": AGE, "count": COUNT, "ok": OK, "town": TOWN, "t": T}
COLUMNS = (
    Column("age"),
    Column("count"),
    Column("ok", "boolean"),
    Column("town", "category", ("Zürich", "a, b", 'say "x"')),
)
POLARS = pl.DataFrame(CELLS)


def read(data: Any) -> Table:
    table = read_table(data, "t", missing="median")
    assert isinstance(table, Table)
    return table


def assert_is_the_table(table: Table) -> None:
    assert {column.name: column for column in table.columns} == {
        column.name: Column(column.name, column.kind, tuple(sorted(column.categories))) for column in COLUMNS
    }
    assert (table.target_names, table.classes) == (("t",), ("no", "yes"))
    towns = sorted(set(TOWN))
    expected = {
        "age": [float("nan") if cell is None else cell for cell in AGE],
        "count": COUNT,
        "ok": OK,
        "town": [towns.index(town) for town in TOWN],
    }
    for place, column in enumerate(table.columns):
        numbers = torch.tensor(expected[column.name], dtype=torch.float64)
        torch.testing.assert_close(table.features[:, place], numbers, rtol=0, atol=0, equal_nan=True)
    assert table.target.tolist() == [int(t == "yes") for t in T]


def saved(suffix: str, path: Path) -> str:
    file = str(path / f"table{suffix}")
    if suffix == ".csv":
        POLARS.write_csv(file)
    elif suffix == ".tsv":
        POLARS.write_csv(file, separator="\t")
    elif suffix == ".parquet":
        POLARS.write_parquet(file)
    elif suffix in (".jsonl", ".ndjson"):
        POLARS.write_ndjson(file)
    else:
        np.savez(file, **{name: np.array([np.nan if c is None else c for c in cells]) for name, cells in CELLS.items()})
    return file


SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".npz")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_format_gives_the_same_table(suffix: str, tmp_path: Path) -> None:
    assert_is_the_table(read(saved(suffix, tmp_path)))
    assert_is_the_table(read(Path(saved(suffix, tmp_path))))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_standard_input_is_seen_to_be_of_its_format(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(saved(suffix, tmp_path)).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert_is_the_table(read("-"))


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_the_same(write: Write) -> None:
    text = "\ufeff" + POLARS.write_csv().replace("\n", "\r\n")
    assert_is_the_table(read(write(text)))
    assert_is_the_table(read(write("\ufeff" + POLARS.write_ndjson(), "table.jsonl")))


def test_a_frame_of_polars_gives_the_same_table() -> None:
    assert_is_the_table(read(POLARS))
    assert_is_the_table(read(POLARS.with_columns(pl.col("age").fill_null(float("nan")))))
    assert_is_the_table(read(POLARS.with_columns(pl.col("town").cast(pl.Categorical), pl.col("age").cast(pl.Float32))))


ODD = pd.Index([f"row {i}" for i in range(ROWS)])[::-1]


@pytest.mark.parametrize(
    "dtypes",
    [
        {},
        {"count": "Int64", "ok": "boolean", "town": "string", "age": "Float64", "t": "category"},
        {"town": "category", "count": "int8", "age": "float32"},
        {"town": object, "ok": object, "count": object, "age": object, "t": object},
    ],
    ids=["plain", "nullable", "categories", "objects"],
)
def test_a_frame_of_pandas_gives_the_same_table_whatever_its_types_and_index(dtypes: dict[str, Any]) -> None:
    frame = pd.DataFrame(CELLS, index=ODD).astype(dtypes)
    assert_is_the_table(read(frame))
    assert_is_the_table(read(frame[["town", "age", "t", "ok", "count"]]))


def test_a_missing_cell_of_pandas_is_missing_in_each_type() -> None:
    none = pd.DataFrame(
        {
            "a": pd.array([1, None] * 4, dtype="Int64"),
            "b": pd.array([True, None] * 4, dtype="boolean"),
            "c": pd.array(["u", None] * 4, dtype="string"),
            "d": pd.Categorical(["u", None] * 4),
            "e": [1.5, float("nan")] * 4,
            "f": pd.Series([2, None] * 4, dtype=object),
            "t": T[:8],
        }
    )
    table = read(none)
    assert [column.kind for column in table.columns] == [
        "number", "boolean", "category", "category", "number", "number",
    ]  # fmt: skip
    assert table.features[0].tolist() == [1, 1, 0, 0, 1.5, 2]
    assert table.features[1].isnan().all()


def test_a_structured_array_gives_the_same_table() -> None:
    rows = [(np.nan if a is None else a, *rest) for a, *rest in zip(*CELLS.values(), strict=True)]
    array = np.array(rows, [("age", "f8"), ("count", "i2"), ("ok", "?"), ("town", "U9"), ("t", "U3")])
    assert_is_the_table(read(array))
    assert_is_the_table(read(array.view(np.recarray)))
    swapped = array.astype([("age", ">f8"), ("count", ">i8"), ("ok", "?"), ("town", object), ("t", object)])
    assert_is_the_table(read(swapped))
    as_bytes = array.astype([("age", "f8"), ("count", "i2"), ("ok", "?"), ("town", object), ("t", "S3")])
    assert_is_the_table(read(as_bytes))


@pytest.mark.parametrize(
    "dtype", ["f8", ">f8", "f4", "f2", np.longdouble, "i1", "u8", "?", object], ids=lambda dtype: str(np.dtype(dtype))
)
def test_an_array_has_its_columns_by_their_place(dtype: Any) -> None:
    numbers = np.array([[i % 2, (i // 2) % 2, i % 2] for i in range(8)])
    for array in (numbers.astype(dtype), np.asfortranarray(numbers.astype(dtype)), numbers.astype(dtype)[::-1][::-1]):
        table = read_table(array, "2", "classification")
        assert isinstance(table, Table)
        assert [column.name for column in table.columns] == ["0", "1"]
        assert table.features.tolist() == numbers[:, :2].tolist()
        assert table.target.tolist() == numbers[:, 2].tolist()


def test_a_masked_cell_of_an_array_is_missing() -> None:
    array = np.ma.masked_greater(np.arange(24.0).reshape(12, 2), 20)
    with pytest.raises(DataError, match=r"lacks what is to be predicted in some rows: 2 of '1' \(first in row 11\)"):
        read_table(array, "1", missing="mean")
    table = read_table(array, "0", "regression", missing="drop")
    assert isinstance(table, Table)
    assert len(table) == 10


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), r"shape \[3\] is no table; give it two axes"),
        (np.zeros((2, 2, 2)), r"shape \[2, 2, 2\] is no table"),
        (np.array(5), r"shape \[\] is no table"),
        (np.zeros((0, 2)), "has 0 rows and 2 columns"),
        (np.zeros((5, 2)) + 1j, "column '0' has cells of type complex128"),
        (
            np.array([["a", 1], [2, "b"]], dtype=object),
            r"column '0' of the frame has cells of several types \(int, str\)",
        ),
        (np.zeros(3, [("a", "f8", (2,)), ("1", "f8")]), r"column 'a' has cells of type float64 \[3, 2\]"),
        (np.array([[b"\xff", b"1"]] * 3), "column '0' has bytes that are not UTF-8"),
    ],
)
def test_arrays_that_are_no_tables_are_refused(array: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(array, "1")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame(), "has 0 rows and 0 columns"),
        (pd.DataFrame({"a": [], "t": []}), "has 0 rows and 2 columns"),
        (pd.DataFrame([[1, 2, "x"]] * 3, columns=["a", "a", "t"]), "has the column 'a' more than once"),
        (
            pd.DataFrame({"a": [1, "q"] * 3, "t": T[:6]}),
            r"column 'a' of the frame has cells of several types \(int, str\)",
        ),
        (pd.DataFrame({"a": [{}] * 6, "t": T[:6]}), "column 'a' has cells of type"),
        (pd.DataFrame({"a": np.arange(6) + 1j, "t": T[:6]}), "column 'a' has cells of type"),
        (pd.DataFrame({"a": pd.period_range("2020", periods=6), "t": T[:6]}), "column 'a' has cells of type Object"),
        (pd.DataFrame({"a": pd.date_range("2020", periods=6), "t": T[:6]}), "column 'a' has dates"),
        (pd.DataFrame({"a": pd.date_range("2020", periods=6, tz="Asia/Tokyo"), "t": T[:6]}), "column 'a' has dates"),
    ],
)
def test_frames_that_are_no_tables_are_refused(frame: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(frame, "t")


BROKEN = {
    ".jsonl": [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"{}\n{}\n", "0 columns"),
        (b'{"a": 1, "t": "x"}\n{"a": 1, "t":\n', "line 2: no JSON"),
        (b'{"a": 1} junk\n', "line 1: no JSON: Extra data"),
        (b'{"a": NaN, "t": "x"}\n', "line 1: no JSON: NaN is no number there; write null"),
        (b'\n{"a": Infinity, "t": "x"}\n', "line 2: no JSON: Infinity is no number there"),
        (b'[{"a": 1}, {"a": 2}]\n', "line 1: list, and not an object; write each row as an object on a line"),
        (b"1\n2\n", "line 1: .*not an object"),
        (b'{\n"a": 1\n}\n', "line 1: no JSON"),
        ('{"a": 1, "t": "é"}\n'.encode("latin-1"), "line 1: no JSON: 'utf-8' codec"),
        ('{"a": 1, "t": "x"}\n'.encode("utf-16"), "no JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "no JSON"),
        (b'{"a": {"b": 1}, "t": "x"}\n{"a": {"b": 1}, "t": "y"}\n', "column 'a' has cells of type Struct"),
        (b'{"a": 1e999, "t": "x"}\n', "InvalidNumber"),
    ],
    ".parquet": [
        (b"", "is empty"),
        (b"hello", "as a .parquet file"),
        (b"PAR1" + b"\xff" * 60 + b"PAR1", "as a .parquet"),
    ],
    ".npz": [
        (b"", "is empty"),
        (b"hello", "as a .npz file"),
        (b"PK\x03\x04" + b"\0" * 90, "as a .npz file"),
    ],
}


@pytest.mark.parametrize(
    ("suffix", "content", "words"), [(suffix, *case) for suffix, cases in BROKEN.items() for case in cases]
)
def test_a_broken_file_is_one_clear_error(write: Write, suffix: str, content: bytes, words: str) -> None:
    path = write(content, f"broken{suffix}")
    with pytest.raises(DataError, match=words) as refused:
        read_table(path, "t")
    assert path in str(refused.value)


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".jsonl", ".csv"])
def test_whatever_is_cut_off_or_flipped_is_read_or_refused(suffix: str, tmp_path: Path, write: Write) -> None:
    content = Path(saved(suffix, tmp_path)).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(content)
        for place in random.integers(0, len(changed), 2):
            changed[place] = random.integers(256)
        if random.integers(2):
            del changed[random.integers(1, len(changed)) :]
        with suppress(DataError, RequestError):
            read(write(bytes(changed), f"changed{suffix}"))


def test_a_panic_of_the_reader_is_a_clear_error(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """polars raises one that is no Exception for some Parquet files that are broken within."""

    def panics(*_: Any) -> Any:
        raise pl.exceptions.PanicException("assertion failed")

    monkeypatch.setitem(READERS, ".parquet", panics)
    with pytest.raises(DataError, match=r"as a \.parquet file: assertion failed"):
        read_table(write(b"PAR1", "table.parquet"), "t")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "has 0 rows and 0 columns"),
        ({"a": np.zeros(3), "t": np.zeros(2)}, "its arrays have different lengths: {'a': 3, 't': 2}"),
        ({"a": np.array(3), "t": np.zeros(2)}, r"array 'a' has the shape \[\]"),
        ({"a": np.zeros((2, 2, 2)), "t": np.zeros(2)}, r"array 'a' has the shape \[2, 2, 2\]"),
        ({"a": np.array([object()] * 2), "t": np.zeros(2)}, "allow_pickle=False"),
        ({"a.0": np.zeros(2), "a": np.zeros((2, 2)), "t": np.zeros(2)}, "has the column 'a.0' more than once"),
        ({"a": np.zeros(2, [("q", "f8")]), "t": np.zeros(2)}, "array 'a' has fields; save each as an array of its own"),
        ({"a": np.zeros(2) + 1j, "t": np.zeros(2)}, "column 'a' has cells of type complex128"),
    ],
)
def test_archives_that_are_no_tables_are_refused(arrays: dict[str, Any], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "table.npz", "t")


def test_an_array_with_two_axes_in_an_archive_is_columns_by_their_place(tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", x=np.arange(12.0).reshape(6, 2), t=np.array(T[:6]))
    table = read(tmp_path / "table.npz")
    assert [column.name for column in table.columns] == ["x.0", "x.1"]
    assert table.features[1].tolist() == [2, 3]


def test_json_lines_are_typed_by_all_their_lines(write: Write) -> None:
    lines = [json.dumps({"a": i, "t": T[i % 2]}) for i in range(3000)]
    late = json.dumps({"a": 0.5, "t": "no"})
    table = read(write("\n".join([*lines, late]), "table.jsonl"))
    assert table.columns == (Column("a"),)
    assert table.features[-1].item() == 0.5
    with pytest.raises(DataError, match=r"3000 of 'b' \(first in row 1\)"):
        read_table(write("\n".join([*lines, json.dumps({"a": 1, "b": 2, "t": "no"})]), "table.jsonl"), "t")


@pytest.mark.parametrize("data", [5, None, [[1, 2]], {"a": [1]}, pl.LazyFrame({"a": [1]}), pd.Series([1])])
def test_what_is_no_table_is_refused_by_its_type(data: Any) -> None:
    import minidl_core

    with pytest.raises(RequestError, match=f"data must be .*; got {type(data).__name__}"):
        minidl_core.train(None, data, target="a")
