"""Tables larger than memory: `.npy` files, of which a block of rows is in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from minidl_core.data.columns import Column, columns_are, numeric, quoted, require_columns
from minidl_core.data.npy import NpyFile
from minidl_core.data.reading import Reading, Task, names_in
from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError, require

BLOCK_BYTES = 64 * 2**20
"""Of a block's features in float64. Part of what a seed means, since rows are split and shuffled within their block."""

BLOCK_ROWS = 2**18
"""At most: in many rounds the numbers of a block's rows, in each round's order, take more than a few columns."""

PLACES = 16
"""Of the file, from which a block takes its rows."""

MAX_CLASSES = 100_000


@dataclass(frozen=True)
class MappedTable:
    """A table that stays in its file; `rows(slice(0, 10))` and `block(0)` are tables in memory."""

    file: NpyFile
    columns: tuple[Column, ...]
    target_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    """The names of the classes, by their numbers; None where the target is a value."""

    def __len__(self) -> int:
        return self.file.rows

    @property
    def blocks(self) -> int:
        """How many blocks all rows are."""
        return -(-len(self) // max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * len(self.columns)))))

    def rows(self, part: slice) -> Table:
        """Some rows. Raises DataError for a number that is not finite, and for a class that is unknown."""
        start, stop, step = part.indices(len(self))
        require("step", step, step == 1, "1, since rows are read one after the other")
        return self._table([(start, max(start, stop))])

    def block(self, number: int) -> Table:
        """The rows of one block.

        They come from places that are spread evenly over the file: so a block of a file that is sorted, by class or by
        day, is still a sample of the whole. A table of one block has them in the file's order.
        """
        return self._table(self._places(number))

    @cached_property
    def rows_before(self) -> list[int]:
        """How many rows the blocks before each one have, and at the end all."""
        rows_of = (sum(stop - start for start, stop in self._places(number)) for number in range(self.blocks))
        return list(accumulate(rows_of, initial=0))

    def _places(self, number: int) -> list[tuple[int, int]]:
        """The first and the last row, exclusive, of each part of a block."""
        parts = PLACES * self.blocks
        return [(len(self) * i // parts, len(self) * (i + 1) // parts) for i in range(number, parts, self.blocks)]

    def _table(self, places: Sequence[tuple[int, int]]) -> Table:
        rows = sum(stop - start for start, stop in places)
        features = np.empty((rows, len(self.columns)))
        target: NDArray[Any] = (
            np.empty((rows, len(self.target_names))) if self.classes is None else np.empty(rows, np.int64)
        )
        done = 0
        for start, stop in places:
            for first, values in self.file.read(start, stop):
                here = slice(done, done + len(values))
                self.file.numbers(values, [column.name for column in self.columns], first, features[here])
                if self.classes is None:
                    self.file.numbers(values, self.target_names, first, target[here])
                else:
                    target[here] = self._labels(self.file.column(values, self.target_names[0]), first, self.classes)
                done = here.stop
        return Table(
            torch.from_numpy(features), torch.from_numpy(target), self.columns, self.target_names, self.classes
        )

    def _labels(self, column: NDArray[Any], first: int, classes: Sequence[str]) -> NDArray[np.int64]:
        """The number of each row's class. Raises DataError for one that is not there."""
        number = {name: index for index, name in enumerate(classes)}
        different, place = np.unique(column, return_inverse=True)
        labels = np.array([number.get(_class_name(value), -1) for value in different])[place]
        if labels.min() < 0:
            row = int((labels < 0).argmax())
            raise DataError(
                f"{self.file.cell(first + row, self.target_names[0])}: unknown class '{_class_name(column[row])}'; "
                f"there are: {quoted(classes)}"
            )
        return labels


def map_table(path: str, target: str | Sequence[str], task: Task | None = None) -> MappedTable:
    """A `.npy` file as a table: the target column, and all others as numeric features.

    Args:
        path: of an array of shape [rows, columns], whose columns are called '0', '1', ..., or of one that names them.
        target: the column to predict, or several of values.
        task: `classification` or `regression`; None decides by the target's type: integers and booleans are classes,
            floating-point numbers values.

    Raises:
        RequestError: where there is no such target column, with the columns that there are.
        DataError: for anything else than an array of real numbers, and for classes that are too few or too many.
    """
    return map_reading(path, Reading(target, task))


def map_reading(path: str, reading: Reading) -> MappedTable:
    """The same with a choice of features. Raises RequestError for what only a table in memory can have."""
    for name in ("categorical", "missing", "weight", "key"):
        if getattr(reading, name):
            raise RequestError(
                f"'{path}' is read in blocks, and can have no {_SAID[name]}; where it fits into memory, save "
                "it as .parquet or .csv"
            )
    file = NpyFile.open(path)
    targets, asked, drop = (
        tuple(names_in(names, file.columns)) for names in (reading.target, reading.features, reading.drop)
    )
    if not targets:
        raise RequestError(f"'{path}' needs a target, the column to predict; its columns: {quoted(file.columns)}")
    for name in (*targets, *asked, *drop):
        if name not in file.columns:
            raise RequestError(f"'{path}' has no column '{name}'; {columns_are(name, file.columns)}")
    names = [name for name in asked or file.columns if name not in (*targets, *drop)]
    if not names:
        raise DataError(f"'{path}' has no column beside the target {quoted(targets)} that could be a feature")
    is_class = reading.task == "classification" or (reading.task is None and file.dtype_of(targets[0]).kind != "f")
    if len(targets) > 1 and reading.task == "classification":
        raise RequestError(f"classes are one column, and not {len(targets)}; leave out all but one")
    classes = _classes(file, targets[0]) if is_class and len(targets) == 1 else None
    return MappedTable(file, numeric(*names), targets, classes)


def map_table_like(
    path: str, columns: Sequence[Column], targets: Sequence[str], classes: Sequence[str] | None
) -> MappedTable:
    """The columns of a `.npy` file that a model was trained on, in whatever order they are, and no others."""
    file = NpyFile.open(path)
    if categories := [column.name for column in columns if column.kind == "category"]:
        raise DataError(
            f"'{path}' has numbers alone, and {quoted(categories)} of the model are categories; give a .csv"
        )
    require_columns(path, file.columns, [*(column.name for column in columns), *targets])
    return MappedTable(file, tuple(columns), tuple(targets), None if classes is None else tuple(classes))


_SAID = {
    "categorical": "categories",
    "missing": "missing cells",
    "weight": "weights",
    "key": "column that rows are split by",
}


def _classes(file: NpyFile, target: str) -> tuple[str, ...]:
    """The different values of a column by their names, in the order of the values."""
    value_of: dict[str, float] = {}
    for first, values in file.read(0, file.rows):
        if file.dtype_of(target).kind == "f":
            file.numbers(values, [target], first)  # which refuses those that are not finite
        value_of |= {_class_name(value): value.item() for value in np.unique(file.column(values, target))}
        if len(value_of) > MAX_CLASSES:
            raise DataError(
                f"'{file.path}': column '{target}' has more than {MAX_CLASSES} different values, too many for classes; "
                "the task regression predicts the value"
            )
    if len(value_of) < 2:
        only = next(iter(value_of))
        raise DataError(f"'{file.path}': column '{target}' has one class only ('{only}'); there is nothing to learn")
    return tuple(sorted(value_of, key=lambda name: value_of[name]))


def _class_name(value: Any) -> str:
    """What a class is called: a whole number without a point, whatever its type."""
    return str(int(value)) if value.dtype.kind == "f" and value == int(value) else str(value)
