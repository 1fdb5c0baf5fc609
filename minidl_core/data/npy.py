"""Tables in NumPy's format, of whatever size: of a `.npy` file only the rows that are asked for are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from minidl_core.errors import DataError

MAX_HEADER = 1_000_000
"""Bytes of a header: those of some ten thousand named columns."""

READ_BYTES = 2**20
"""Of a file at a time."""

_KINDS = {
    "O": "Python objects, and reading those runs code",
    "c": "complex numbers",
    "U": "texts",
    "S": "bytes",
    "M": "dates",
    "m": "durations",
    "V": "columns within columns",
}


@dataclass(frozen=True)
class NpyFile:
    """A table in a `.npy` file: named numeric columns (a structured array), or a matrix of columns '0', '1', ...

    Rows are read from the file and never left mapped: pages of a map count as the process's memory, and a file that
    shrinks under a map ends the process where a read is an error.
    """

    path: str
    columns: tuple[str, ...]
    dtype: np.dtype[Any]
    """Of a row with names; of a number without."""
    rows: int
    offset: int
    """Of the first row, in bytes."""

    @classmethod
    def open(cls, path: str) -> Self:
        """Read the header. Raises DataError where the file is no such table."""
        try:
            # The map checks that the file is as long as its header says; it is closed without a page of it read.
            array = open_memmap(path, mode="r", max_header_size=MAX_HEADER)
        except OSError as error:
            raise DataError(f"cannot read '{path}': {error.strerror or error}") from None
        except Exception as error:  # of many kinds: a header is a Python literal, of whatever length and depth
            what = "it is cut off: " if "greater than file size" in str(error) else ""
            raise DataError(
                f"'{path}' is no array of numbers in NumPy's format ({what}{str(error)[:100] or type(error).__name__});"
                " write it with numpy.save, without Python objects"
            ) from None
        shape, names = array.shape, array.dtype.names
        if names is None and len(shape) != 2:
            raise DataError(
                f"'{path}' is an array of shape {list(shape)}; a table has rows and columns: give it two axes, or one "
                "and named columns (a structured array)"
            )
        if names is not None and len(shape) != 1:
            raise DataError(f"'{path}' has named columns and the shape {list(shape)}; give it one axis, its rows")
        columns = names or tuple(map(str, range(shape[1])))
        for name in names or ():
            _require_numeric(array.dtype[name], f"'{path}', column '{name}'")
        if names is None:
            _require_numeric(array.dtype, f"'{path}'")
        if 0 in shape or not columns:
            raise DataError(f"'{path}' is empty: an array of shape {list(shape)} where rows and columns are expected")
        if not array.flags.c_contiguous:
            raise DataError(
                f"'{path}' is in Fortran's order, column after column; rows are read: save it with "
                "numpy.save(path, numpy.ascontiguousarray(array))"
            )
        return cls(path, columns, array.dtype, shape[0], array.offset)

    def read(self, start: int, stop: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Rows as they are in the file, a few MB at a time: the first one's number, and `[n]` or `[n, columns]`."""
        width = 1 if self.dtype.names else len(self.columns)
        row_bytes = self.dtype.itemsize * width
        at_once = max(1, READ_BYTES // row_bytes)
        for first in range(start, stop, at_once):
            count = min(at_once, stop - first) * width
            try:
                values = np.fromfile(self.path, self.dtype, count, offset=self.offset + first * row_bytes)
            except OSError as error:
                raise DataError(f"cannot read '{self.path}': {error.strerror or error}") from None
            if len(values) != count:
                raise DataError(f"'{self.path}' has become shorter since it was opened; leave it as it is")
            yield first, values if self.dtype.names else values.reshape(-1, width)

    def column(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        """A column of some rows, `[n]`."""
        return values[name] if self.dtype.names else values[:, int(name)]

    def dtype_of(self, name: str) -> np.dtype[Any]:
        return self.dtype[name] if self.dtype.names else self.dtype

    def numbers(
        self, values: NDArray[Any], names: Sequence[str], first: int, out: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Some columns of some rows, `[n, len(names)]`, of which `first` is the number of the first row.

        They are written into `out` where it is given. Raises DataError for the first column with a number that is not
        finite.
        """
        numbers = np.empty((len(values), len(names))) if out is None else out
        with np.errstate(over="ignore"):  # a long double beyond float64 is refused with the infinite ones
            if self.dtype.names:
                for place, name in enumerate(names):
                    numbers[:, place] = values[name]
            else:
                numbers[:] = values.take([int(name) for name in names], 1)
        is_finite = np.isfinite(numbers)
        if is_finite.all():
            return numbers
        place = int((~is_finite).any(0).argmax())
        row = int((~is_finite)[:, place].argmax())
        value = self.column(values, names[place])[row]
        raise DataError(
            f"{self.cell(first + row, names[place])}: '{value}' is not a finite number; correct it, or remove the row"
        )

    def cell(self, row: int, name: str) -> str:
        """Where a cell stands, for errors."""
        return f"{self.path}, row {row + 1}, column '{name}'"


def _require_numeric(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "biuf":
        kind = _KINDS.get(dtype.kind, f"numbers of a kind that is unknown here, {dtype}")
        raise DataError(f"{where} has {kind}; give real numbers alone")
