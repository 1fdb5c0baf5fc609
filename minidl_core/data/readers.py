"""Files -> tables. Every cell is read as what it is, or refused with its row and column."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import torch
from torch import Tensor

from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError, require
from minidl_core.nearest import did_you_mean

SEPARATORS = {".csv": ",", ".tsv": "\t"}
TASKS = ("classification", "regression")
MANY = 50

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)
_MISSING = ("", "na", "n/a", "null", "none", "?")


@dataclass(frozen=True)
class Cells:
    """A file's cells as text: a header, and rows of as many cells."""

    path: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    """The line of the file that each row ends on."""

    def column(self, name: str) -> list[str]:
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def numbers(self, names: Sequence[str]) -> Tensor:
        """Some columns as float64 `[N, len(names)]`. Raises DataError for the first cell that is no finite number."""
        columns = []
        for name in names:
            cells = self.column(name)
            bad = [row for row, cell in enumerate(cells) if not _is_finite_number(cell.strip())]
            if bad:
                raise DataError(self.bad_cell(bad, name, cells))
            columns.append([float(cell) for cell in cells])
        return torch.tensor(columns, dtype=torch.float64).reshape(len(names), len(self.rows)).T.contiguous()

    def bad_cell(self, bad: list[int], name: str, cells: list[str]) -> str:
        """What is wrong with the first of a column's bad cells, and what to do."""
        row, cell = bad[0], cells[bad[0]].strip()
        if cell.lower() in _MISSING:
            what, advice = f"the cell is missing ('{cell}')", "fill it in, or remove the row"
        elif _NOT_FINITE.fullmatch(cell) or _NUMBER.fullmatch(cell):
            what, advice = f"'{cell}' is not a finite number", "correct it, or remove the row"
        else:
            what, advice = (
                f"'{cell[:40]}' is not a number",
                "a number is expected: correct it, or remove or encode the column",
            )
        more = f"; so are {len(bad) - 1} more cells of this column" if len(bad) > 1 else ""
        return f"{self.path}, row {row + 1} (line {self.lines[row]}), column '{name}': {what}{more}; {advice}"


def read_cells(path: str) -> Cells:
    """Read a file with a header. Raises DataError where it cannot be read as one."""
    separator = SEPARATORS.get(Path(path).suffix.lower())
    if separator is None:
        if Path(path).suffix.lower() == ".npy":
            raise DataError(f"'{path}' is not read as a whole; map_table takes it as a table")
        raise DataError(f"cannot read '{path}': files that are read end in {', '.join(SEPARATORS)} or .npy")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            header = next(reader, None)
            numbered = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror or error}") from None
    except UnicodeDecodeError:
        line, byte = _first_byte_that_is_not_utf8(Path(path).read_bytes())
        raise DataError(f"cannot read '{path}', line {line}: byte {byte} is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"cannot read '{path}', line {reader.line_num}: {error}") from None
    if not header:
        raise DataError(f"'{path}' is empty: a header line with the names of the columns is expected")
    other = next((mark for mark in ";\t," if mark != separator and mark in header[0]), None)
    if len(header) == 1 and other:
        raise DataError(
            f"'{path}' seems to be separated by {other!r} and not by {separator!r}; save it with the latter"
        )
    header = [name.strip() for name in header]
    if repeated := [name for name, count in Counter(header).items() if count > 1]:
        raise DataError(f"'{path}' has the column '{repeated[0]}' more than once; give each a name of its own")
    if not numbered:
        raise DataError(f"'{path}' has a header and no rows")
    for line, row in numbered:
        if len(row) != len(header):
            raise DataError(f"'{path}', line {line}: {len(row)} cells where the header has {len(header)} columns")
    return Cells(path, header, [row for _, row in numbered], [line for line, _ in numbered])


def _first_byte_that_is_not_utf8(content: bytes) -> tuple[int, int]:
    """Its line and its place in a file, which a decoder that reads in pieces does not know."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1, error.start
    return 1, 0


def read_table(path: str, target: str, task: str | None = None) -> Table:
    """Read a file with a header: the target column, and all others as numeric features.

    Args:
        path: of a .csv or .tsv file, UTF-8.
        target: the column to predict.
        task: `classification` or `regression`; None decides by the target: numbers of which any has a point or an
            exponent are values, whole numbers and texts are classes.

    Raises:
        RequestError: where there is no such target column, with the columns that there are.
        DataError: for anything that is not a finite number, with its row and column.
    """
    require("task", task, task is None or task in TASKS, f"one of {', '.join(TASKS)}")
    cells = read_cells(path)
    if target not in cells.header:
        raise RequestError(f"'{path}' has no column '{target}'; {columns_are(target, cells.header)}")
    names = tuple(name for name in cells.header if name != target)
    if not names:
        raise DataError(f"'{path}' has no column beside the target '{target}'")
    features = cells.numbers(names)
    labels = [cell.strip() for cell in cells.column(target)]
    if (task or _task(labels)) == "regression":
        return Table(features, cells.numbers([target]), names, target, None)
    if any(_NUMBER.fullmatch(label) for label in labels):
        bad = [row for row, label in enumerate(labels) if _NOT_FINITE.fullmatch(label) or label.lower() in _MISSING]
        if bad:
            raise DataError(cells.bad_cell(bad, target, labels))
    classes = _class_names(labels)
    if "" in classes:
        row = labels.index("")
        raise DataError(f"'{path}', row {row + 1} (line {cells.lines[row]}), column '{target}': the class is missing")
    if len(classes) < 2:
        raise DataError(f"'{path}': column '{target}' has one class only ('{classes[0]}'); there is nothing to learn")
    return Table(features, _label_numbers(cells, target, classes), names, target, classes)


def read_table_like(path: str, features: Sequence[str], target: str, classes: Sequence[str] | None) -> Table:
    """Read the columns of a file that a model was trained on, in whatever order they are, and no others."""
    cells = read_cells(path)
    check_columns(path, cells.header, [*features, target])
    numbers = cells.numbers(features)
    if classes is None:
        return Table(numbers, cells.numbers([target]), tuple(features), target, None)
    return Table(numbers, _label_numbers(cells, target, classes), tuple(features), target, tuple(classes))


def check_columns(path: str, header: Sequence[str], names: Sequence[str]) -> None:
    """Raise DataError where a file lacks some of these columns."""
    missing = [name for name in names if name not in header]
    if missing:
        listed = ", ".join(f"'{name}'" for name in missing[:MANY])
        raise DataError(f"'{path}' lacks {listed}; {columns_are(missing[0], header)}")


def _class_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The different labels, in the order of their numbers where all are numbers, else of the alphabet."""
    different = set(labels)
    if all(_WHOLE.fullmatch(label) for label in different):
        return tuple(sorted(different, key=lambda label: (Decimal(label), label)))
    return tuple(sorted(different))


def _label_numbers(cells: Cells, target: str, classes: Sequence[str]) -> Tensor:
    """A column's labels as int64 `[N]`, by their place in `classes`. Raises DataError for one that is not there."""
    number = {label: index for index, label in enumerate(classes)}
    labels = [cell.strip() for cell in cells.column(target)]
    for row, label in enumerate(labels):
        if label not in number:
            raise DataError(
                f"'{cells.path}', row {row + 1} (line {cells.lines[row]}), column '{target}': "
                f"unknown class '{label[:40]}'; there are: {', '.join(classes[:MANY])}"
            )
    return torch.tensor([number[label] for label in labels], dtype=torch.int64)


def _task(labels: Sequence[str]) -> str:
    """Whether a column is classes or values: values if most cells are numbers, and any has a point or an exponent."""
    numbers = [label for label in labels if _NUMBER.fullmatch(label)]
    any_decimal = not all(_WHOLE.fullmatch(number) for number in numbers)
    return "regression" if any_decimal and 2 * len(numbers) > len(labels) else "classification"


def columns_are(name: str, header: Sequence[str]) -> str:
    """What columns there are, and which of them `name` may have meant."""
    listed = ", ".join(f"'{column}'" for column in header[:MANY])
    near = did_you_mean(name, header)
    more = f" and {len(header) - MANY} more" if len(header) > MANY else ""
    return (f"{near} " if near.startswith("did") else "") + f"its columns: {listed}{more}"


def _is_finite_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None and math.isfinite(float(cell))
