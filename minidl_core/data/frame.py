"""A table as it was read, before it is known what its columns are for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl
import torch
from torch import Tensor

from minidl_core.data.columns import Column, columns_are
from minidl_core.data.comma_separated import line_of
from minidl_core.errors import DataError, RequestError

MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")
"""Cells that are missing where numbers are expected, whatever their case."""
MAX_CATEGORIES = 1000
FEW_CATEGORIES = 20
"""So many are no sign of a column that names its rows, however few these are."""

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_DATE = r"^(\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?)$"
_MOMENTS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%#z")


@dataclass(frozen=True)
class Frame:
    """Columns of cells with names, and where they come from.

    The cells of text formats (`.csv`, `.tsv`) are all texts, of which numbers are found here; others have types.
    """

    name: str
    """Of the file, for errors."""
    data: pl.DataFrame = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    """The file, where it is text."""
    separator: str = ","
    rows: pl.Series | None = field(default=None, repr=False)
    """The number of each row, from 0, where some were left out; None where none were."""

    def __post_init__(self) -> None:
        if blank := [place + 1 for place, name in enumerate(self.columns) if not name.strip()]:
            raise DataError(f"'{self.name}': column {blank[0]} has no name; give each column one")
        if not self.data.width or not self.data.height:
            raise DataError(f"'{self.name}' has {self.data.height} rows and {self.data.width} columns; both are needed")

    @property
    def columns(self) -> list[str]:
        return self.data.columns

    def __len__(self) -> int:
        return self.data.height

    def require(self, names: Sequence[str]) -> None:
        """Raise RequestError for the first of these names that no column has."""
        for name in names:
            if name not in self.columns:
                raise RequestError(f"'{self.name}' has no column '{name}'; {columns_are(name, self.columns)}")

    def without(self, rows: pl.Series) -> Frame:
        """All rows but those for which `rows` is true."""
        numbers = pl.Series(range(len(self))) if self.rows is None else self.rows
        return Frame(self.name, self.data.filter(~rows), self.content, self.separator, numbers.filter(~rows))

    def cell(self, row: int, name: str) -> str:
        """Where a cell stands, for errors."""
        return f"{self.name}, {self.place(row)}, column '{name}'"

    def place(self, row: int) -> str:
        """`row 3 (line 4)`, the row in the file, counted from 1."""
        number = row if self.rows is None else int(self.rows[row])
        line = None if self.content is None else line_of(self.content, self.separator, number)
        return f"row {number + 1}" + (f" (line {line})" if line else "")

    def _cells(self, name: str) -> pl.Series:
        """A column. Raises DataError where its cells are lists, objects and the like."""
        cells = self.data[name]
        if cells.dtype.is_nested() or cells.dtype in (pl.Object, pl.Binary):
            raise DataError(f"'{self.name}': column '{name}' has cells of type {cells.dtype}; {_leave_out(name)}")
        return cells

    def text(self, name: str) -> pl.Series:
        """A column's cells as text, without blanks around them; a whole number has no point, whatever its type."""
        cells = self._cells(name)
        if cells.dtype.is_float():
            cells = cells.fill_nan(None)
            whole = cells.cast(pl.Int64, strict=False)
            if bool((whole == cells).all()):
                return whole.cast(pl.String)
        return cells.cast(pl.String, strict=False).str.strip_chars().str.replace(r"^([+-]?[0-9]+)\.0+$", "$1")

    def as_csv(self, more: dict[str, Sequence[object]]) -> str:
        """The rows, with more columns behind theirs. Raises DataError for cells that are no values."""
        try:
            return self.data.with_columns(pl.Series(name, cells) for name, cells in more.items()).write_csv()
        except pl.exceptions.PolarsError as error:
            raise DataError(f"'{self.name}' cannot be written as CSV: {error}") from None

    def missing(self, name: str, kind: str) -> pl.Series:
        """Which cells of a column are missing: empty ones and, where it is not categories, also NaN, NA, null, ..."""
        cells = self.data[name]
        if cells.dtype.is_float():
            return cells.is_null() | cells.is_nan()
        if cells.dtype != pl.String:
            return cells.is_null()
        if kind != "category" and self._are_numbers(cells):
            return cells.is_null()
        signs = [""] if kind == "category" else MISSING
        return self.text(name).str.to_lowercase().is_in(signs).fill_null(True)

    @staticmethod
    def _are_numbers(cells: pl.Series) -> bool:
        """Whether all of these texts are finite numbers, without a blank around them."""
        return cells.cast(pl.Float64, strict=False).is_finite().all(ignore_nulls=False) is True

    def inferred(self, name: str, is_category: bool = False) -> Column:
        """What a feature's column is. Raises DataError for dates, texts that name rows, and cells of other types."""
        cells = self._cells(name)
        is_text = self.content is not None and cells.dtype == pl.String
        if is_text and not is_category and self._are_numbers(cells):
            return Column(name)
        if self.missing(name, "number").all():
            raise DataError(f"'{self.name}': all cells of column '{name}' are missing; {_leave_out(name)}")
        if is_category or cells.dtype.is_temporal():
            self.require_no_dates(name)
            return Column(name, "category", self.categories(name))
        if cells.dtype.is_numeric():
            return Column(name)
        texts = self.text(name).filter(~self.missing(name, "number"))
        if cells.dtype == pl.Boolean or texts.str.to_lowercase().is_in(["true", "false"]).all():
            return Column(name, "boolean")
        # Texts of a format with types are texts on purpose.
        is_number = self.content is not None and 2 * texts.cast(pl.Float64, strict=False).null_count() <= len(texts)
        if is_number:  # and what is none is refused where it is read
            return Column(name)
        self.require_no_dates(name)
        return Column(name, "category", self.categories(name))

    def categories(self, name: str) -> tuple[str, ...]:
        """The different texts of a column. Raises DataError where they are too many."""
        texts = self.text(name).filter(~self.missing(name, "category"))
        different = texts.n_unique()
        if different > MAX_CATEGORIES or names_rows(different, len(texts)):
            raise DataError(
                f"'{self.name}': column '{name}' has {different} different texts in {len(texts)} rows, "
                f"'{texts[0][:40]}' and so on, so many that they name rows and not categories; {_leave_out(name)}"
            )
        return ordered(texts.unique().to_list())

    def require_no_dates(self, name: str) -> None:
        """Raise DataError for a column of dates, or of texts that are all dates."""
        cells = self._cells(name)
        if cells.dtype == pl.String:
            cells = self.text(name).filter(~self.missing(name, "number"))
            are_dates = len(cells) > 0 and cells.str.contains(_DATE).all()
        else:
            are_dates, cells = cells.dtype.is_temporal(), cells.drop_nulls()
        if are_dates:
            raise DataError(
                f"'{self.name}': column '{name}' has dates ('{cells[0]}'), which are neither numbers nor categories as "
                f"they are; make numbers of them (year, month, days since ...), or {_leave_out(name)} (--time '{name}' "
                "splits by them)"
            )

    def numbers(self, column: Column, is_feature: bool = True) -> Tensor:
        """A column's cells as `Column` has them, float64 `[N]`. Raises DataError for the first of another kind."""
        name, cells = column.name, self._cells(column.name)
        if column.kind != "category" and cells.dtype.is_temporal():
            self.require_no_dates(name)
        if column.kind == "category":
            codes = self.text(name).cast(pl.Enum(column.categories), strict=False).to_physical().cast(pl.Float64)
            found = codes.fill_null(-1.0)
        elif column.kind == "boolean":
            is_number = cells.dtype.is_numeric()
            texts = cells.cast(pl.Float64).cast(pl.String) if is_number else self.text(name).str.to_lowercase()
            words = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
            found = texts.replace_strict(words, default=None, return_dtype=pl.Float64)
        else:
            is_plain = cells.dtype.is_numeric() or cells.dtype == pl.Boolean
            plain = (cells if is_plain else cells.cast(pl.String)).cast(pl.Float64, strict=False)
            if plain.is_finite().all(ignore_nulls=False):
                return torch.from_numpy(plain.to_numpy(writable=True))
            found = self.text(name).cast(pl.Float64, strict=False) if plain.null_count() else plain
        missing = self.missing(name, column.kind)
        wrong = ~missing & ~found.is_finite().fill_null(False)
        if wrong.any():
            raise DataError(self._wrong_cell(column, wrong, found, is_feature))
        return torch.from_numpy(found.zip_with(~missing, pl.Series([math.nan])).to_numpy(writable=True))

    def _wrong_cell(self, column: Column, wrong: pl.Series, found: pl.Series, is_feature: bool) -> str:
        """What is wrong with the first of a column's bad cells, and what to do."""
        name, row = column.name, int(wrong.arg_true()[0])
        shown = f"{self.cell(row, name)}: '{str(self.data[name][row]).strip()[:40]}'"
        others = int(wrong.sum()) - 1
        more = f", nor {'is' if others == 1 else 'are'} {others} more of this column" if others else ""
        if column.kind == "boolean":
            return f"{shown} is neither true nor false{more}; correct it"
        if found[row] is not None:
            return f"{shown} is not a finite number{more}; correct it, or remove the row"
        if not is_feature:
            return f"{shown} is not a number{more}; correct it"
        return (
            f"{shown} is not a number{more}; correct it, leave the column out (--drop '{name}'), or take its cells as "
            f"categories (--categorical '{name}')"
        )

    def moments(self, name: str) -> Tensor:
        """A column of dates (ISO 8601, with a time of the day or without), or of numbers: float64 `[N]`."""
        cells = self.data[name]
        missing = self.missing(name, "number")
        if missing.any():
            raise DataError(f"{self.cell(int(missing.arg_true()[0]), name)}: it is missing, and rows are ordered by it")
        if not cells.dtype.is_numeric() and not cells.dtype.is_temporal():
            cells = self.text(name)
            of_shapes = (self.text(name).str.to_datetime(shape, strict=False) for shape in _MOMENTS)
            read = sorted(of_shapes, key=pl.Series.null_count)
            dates = None if read[0].null_count() else read[0]
            if dates is None and 2 * self.text(name).cast(pl.Float64, strict=False).null_count() > len(cells):
                row = int(read[0].is_null().arg_true()[0])
                raise DataError(
                    f"{self.cell(row, name)}: '{cells[row][:40]}' is no number, and no date that is read or is of the "
                    "shape of the others; write all of them as 2024-12-31, or as 2024-12-31T23:59:59"
                )
            cells = cells if dates is None else dates
        if cells.dtype.is_temporal():
            return torch.from_numpy(cells.to_physical().cast(pl.Float64).to_numpy(writable=True))
        return self.numbers(Column(name), is_feature=False)


def names_rows(different: int, rows: int) -> bool:
    """Whether so many different texts name the rows that they stand in."""
    return different > FEW_CATEGORIES and 2 * different > rows


def ordered(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts in the order of their numbers where all are whole numbers, else of the alphabet."""
    if all(_WHOLE.fullmatch(text) for text in texts):
        return tuple(sorted(texts, key=lambda text: (Decimal(text), text)))
    return tuple(sorted(texts))


def _leave_out(name: str) -> str:
    return f"leave the column out: --drop '{name}'"
