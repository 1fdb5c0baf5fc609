"""Files, standard input and frames of other libraries -> frames of text or typed columns."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from minidl_core.data.columns import require_different
from minidl_core.data.comma_separated import read_text
from minidl_core.data.frame import Frame
from minidl_core.data.reading import STANDARD_INPUT
from minidl_core.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


def read_frame(path: str, texts: Collection[str] | None = None) -> Frame:
    """Read a file, or standard input (`-`), whose format is seen from its first bytes.

    Args:
        texts: see `read_text`.

    Raises DataError where it is missing, or not what its name says.
    """
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file '{path}'") from None
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror or error}") from None
    name = "standard input" if path == STANDARD_INPUT else path
    suffix = _suffix_of(content) if path == STANDARD_INPUT else Path(path).suffix.lower()
    if suffix in SEPARATORS:
        return Frame(name, read_text(name, content, SEPARATORS[suffix], texts), content, SEPARATORS[suffix])
    if suffix not in READERS:
        raise DataError(
            f"cannot read '{name}': files that are read end in {', '.join((*SEPARATORS, *READERS))} or .npy"
        )
    if not content:
        raise DataError(f"'{name}' is empty")
    try:
        return Frame(name, READERS[suffix](name, content))
    except DataError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:  # of many kinds, with each library's own words
        what = str(error).partition("\n")[0][:200] or type(error).__name__
        raise DataError(f"cannot read '{name}' as a {suffix} file: {what}") from None


def _suffix_of(content: bytes) -> str:
    """The format that content has by its first bytes."""
    for start, suffix in (b"PAR1", ".parquet"), (b"PK\x03\x04", ".npz"), (b"\x93NUMPY", ".npy"):
        if content.startswith(start):
            return suffix
    if content.lstrip().startswith(b"{"):
        return ".jsonl"
    header = content.partition(b"\n")[0]
    return ".tsv" if b"\t" in header and b"," not in header else ".csv"


def _json_lines(name: str, content: bytes) -> pl.DataFrame:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return pl.read_ndjson(io.BytesIO(content), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        _require_objects(name, content)  # whose words say the line
        raise


def _require_objects(name: str, content: bytes) -> None:
    """Raise DataError for the first line that is no JSON object, and where there is none."""
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    for number, line in lines:
        try:
            given = json.loads(line.decode(), parse_constant=_refuse_constant, parse_int=str, parse_float=str)
        except (ValueError, RecursionError) as error:  # what is no UTF-8 too
            raise DataError(f"cannot read '{name}', line {number}: no JSON: {str(error)[:100]}") from None
        if not isinstance(given, dict):
            raise DataError(
                f"cannot read '{name}', line {number}: {type(given).__name__}, and not an object; write each row as an "
                'object on a line of its own, {"x": 1, "y": 2}'
            )
    if not lines:
        raise DataError(f"'{name}' is empty")


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no number there; write null for a cell that is missing")


def _parquet(_: str, content: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(content))


def _npz(name: str, content: bytes) -> pl.DataFrame:
    """Arrays with names: a column of each that has one axis, `name.0`, `name.1`, ... of one that has two."""
    columns: dict[str, Any] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for key in arrays.files:
            array = arrays[key]
            if array.dtype.names:
                raise DataError(f"'{name}': array '{key}' has fields; save each as an array of its own")
            if array.ndim not in (1, 2):
                raise DataError(f"'{name}': array '{key}' has the shape {list(array.shape)}; give it one axis, or two")
            parts = {key: array} if array.ndim == 1 else {f"{key}.{i}": part for i, part in enumerate(array.T)}
            require_different(name, [*columns, *parts])
            columns |= parts
    lengths = {key: len(array) for key, array in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"'{name}': its arrays have different lengths: {lengths}")
    return pl.DataFrame([_from_numpy(key, array) for key, array in columns.items()])


READERS = {".parquet": _parquet, ".jsonl": _json_lines, ".ndjson": _json_lines, ".npz": _npz}


def frame_of(data: Any) -> Frame:
    """A frame of polars or of pandas (its index is no column), or an array with two axes, or with named columns.

    The columns of an array without names are called `0`, `1`, ...
    """
    if isinstance(data, pl.DataFrame):
        return Frame("the frame", data)
    if isinstance(data, np.ndarray):
        return Frame("the array", _from_array(data if isinstance(data, np.ma.MaskedArray) else np.asarray(data)))
    names = [str(name) for name in data.columns]
    require_different("the frame", names)
    return Frame("the frame", pl.DataFrame([_from_pandas(name, data.iloc[:, i]) for i, name in enumerate(names)]))


def _from_array(array: Any) -> pl.DataFrame:
    if array.dtype.names and array.ndim == 1:
        return pl.DataFrame([_from_numpy(name, array[name]) for name in array.dtype.names])
    if array.dtype.names or array.ndim != 2:
        raise DataError(f"an array of shape {list(array.shape)} is no table; give it two axes, rows and columns")
    return pl.DataFrame([_from_numpy(str(place), array[:, place]) for place in range(array.shape[1])])


def _from_numpy(name: str, array: Any) -> pl.Series:
    """A column of NumPy's, whose masked cells are missing. Raises DataError for cells of other kinds."""
    cells, is_missing = np.ma.getdata(array), np.ma.getmaskarray(array)
    if cells.ndim != 1 or cells.dtype.kind not in "biufmMUSO":
        shape = f" {list(cells.shape)}" if cells.ndim != 1 else ""
        raise DataError(f"column '{name}' has cells of type {cells.dtype}{shape}; leave it out")
    if cells.dtype.kind == "O":
        return _from_objects(name, [None if gone else one for one, gone in zip(cells, is_missing, strict=True)])
    if cells.dtype.kind == "S":
        try:
            cells = np.char.decode(cells, "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"column '{name}' has bytes that are not UTF-8; decode them") from None
    if cells.dtype.kind == "f":
        cells = cells.astype(np.float64)  # of whatever precision and order of bytes
    column = pl.Series(name, np.ascontiguousarray(cells))
    return (
        column.zip_with(pl.Series(~is_missing), pl.Series([None], dtype=column.dtype)) if is_missing.any() else column
    )


def _from_pandas(name: str, series: Any) -> pl.Series:
    """A column of pandas, whose own conversion would need Arrow's library."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biufM":
        return _from_numpy(name, series.to_numpy())
    cells = [None if missing else cell for cell, missing in zip(series.tolist(), series.isna(), strict=True)]
    if str(series.dtype) == "category":  # whatever its categories are, numbers too
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells], dtype=pl.String)
    return _from_objects(name, cells)


def _from_objects(name: str, cells: list[Any]) -> pl.Series:
    """A column of Python's objects. Raises DataError where they are of several types that are not all numbers."""
    if {type(cell) for cell in cells if cell is not None} == {int, float}:
        return pl.Series(name, cells, dtype=pl.Float64, strict=False)
    try:
        return pl.Series(name, cells, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        kinds = ", ".join(sorted({type(cell).__name__ for cell in cells if cell is not None}))
        raise DataError(f"column '{name}' of the frame has cells of several types ({kinds}); give it one") from None
