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

from minidl_core.data.npy import NpyFile
from minidl_core.data.readers import MANY, TASKS, check_columns, columns_are
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
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None
    """The names of the classes, by their numbers; None where the target is a value."""

    def __len__(self) -> int:
        return self.file.rows

    @property
    def blocks(self) -> int:
        """How many blocks all rows are."""
        return -(-len(self) // max(1, min(BLOCK_ROWS, BLOCK_BYTES // (8 * len(self.feature_names)))))

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
        features = np.empty((rows, len(self.feature_names)))
        target: NDArray[Any] = np.empty((rows, 1)) if self.classes is None else np.empty(rows, np.int64)
        done = 0
        for start, stop in places:
            for first, values in self.file.read(start, stop):
                here = slice(done, done + len(values))
                self.file.numbers(values, self.feature_names, first, features[here])
                if self.classes is None:
                    self.file.numbers(values, [self.target_name], first, target[here])
                else:
                    target[here] = self._labels(self.file.column(values, self.target_name), first, self.classes)
                done = here.stop
        return Table(
            torch.from_numpy(features), torch.from_numpy(target), self.feature_names, self.target_name, self.classes
        )

    def _labels(self, column: NDArray[Any], first: int, classes: Sequence[str]) -> NDArray[np.int64]:
        """The number of each row's class. Raises DataError for one that is not there."""
        number = {name: index for index, name in enumerate(classes)}
        different, place = np.unique(column, return_inverse=True)
        labels = np.array([number.get(_class_name(value), -1) for value in different])[place]
        if labels.min() < 0:
            row = int((labels < 0).argmax())
            raise DataError(
                f"{self.file.cell(first + row, self.target_name)}: unknown class '{_class_name(column[row])}'; "
                f"there are: {', '.join(classes[:MANY])}"
            )
        return labels


def map_table(path: str, target: str, task: str | None = None) -> MappedTable:
    """A `.npy` file as a table: the target column, and all others as numeric features.

    Args:
        path: of an array of shape [rows, columns], whose columns are called '0', '1', ..., or of one that names them.
        target: the column to predict.
        task: `classification` or `regression`; None decides by the target's type: integers and booleans are classes,
            floating-point numbers values.

    Raises:
        RequestError: where there is no such target column, with the columns that there are.
        DataError: for anything else than an array of real numbers, and for classes that are too few or too many.
    """
    require("task", task, task is None or task in TASKS, f"one of {', '.join(TASKS)}")
    file = NpyFile.open(path)
    if target not in file.columns:
        raise RequestError(f"'{path}' has no column '{target}'; {columns_are(target, file.columns)}")
    names = tuple(name for name in file.columns if name != target)
    if not names:
        raise DataError(f"'{path}' has no column beside the target '{target}'")
    is_class = file.dtype_of(target).kind != "f" if task is None else task == "classification"
    return MappedTable(file, names, target, _classes(file, target) if is_class else None)


def map_table_like(path: str, features: Sequence[str], target: str, classes: Sequence[str] | None) -> MappedTable:
    """The columns of a `.npy` file that a model was trained on, in whatever order they are, and no others."""
    file = NpyFile.open(path)
    check_columns(path, file.columns, [*features, target])
    return MappedTable(file, tuple(features), target, None if classes is None else tuple(classes))


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
