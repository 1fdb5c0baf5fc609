"""A small product of matrices in LLVM's language, made for its shapes.

A part of the output lies in registers until it is done (Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, ACM TOMS 34(3), 2008, section 6.2).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from minidl_core.training.capture.code import (
    REGISTER,
    Builder,
    Function,
    Number,
    for_each,
    int32,
    int64,
    intrinsic,
    kind_of,
    load,
    new_function,
    on,
    parts,
    repeated,
    same,
    store,
    sum_of,
    wide,
)
from minidl_core.training.capture.operations import Value

ADDING = 6
"""Instructions that add the numbers of a register."""
MOST_ON_STACK = 2**16
"""Bytes of a factor that is laid out anew."""
HEIGHTS = (4, 5, 3)
"""Rows of a part of the output that is a sum of rows: the first that divides all rows, or else the first."""
ROWS, COLUMNS = 2, 4
"""Of a part of the output that is made of dots."""


class _Matrix(NamedTuple):
    """Where a matrix lies, of one round."""

    place: Number
    rows: int
    columns: int
    row: int
    """How far it is from one row to the next, in numbers."""
    column: int

    @property
    def transposed(self) -> _Matrix:
        return _Matrix(self.place, self.columns, self.rows, self.column, self.row)

    @property
    def has_rows_together(self) -> bool:
        """Whether the numbers of a row lie one behind the other."""
        return self.column == 1 or self.columns == 1


class _Way(NamedTuple):
    """How a product may be computed."""

    cost: int
    """Instructions, about."""
    is_by_dots: bool
    """Each number as the product of a row and a column; else each row as a sum of rows."""
    is_transposed: bool
    """As rightᵀ leftᵀ = outputᵀ."""
    on_stack: int
    """Bytes of what is laid out anew."""


class Matrices(NamedTuple):
    """Where the numbers of matrices lie, of one or of each round."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of_round(self, code: Builder, place: Number, index: Number, dtype: torch.dtype) -> _Matrix:
        start = on(code, place, index, kind_of(dtype), self.stride[0]) if len(self.shape) == 3 else place
        return _Matrix(start, *self.shape[-2:], *self.stride[-2:])


@dataclass(frozen=True)
class Product:
    """left @ right = output."""

    dtype: torch.dtype
    left: Matrices
    right: Matrices
    output: Matrices
    size: int = 0

    @classmethod
    def of(cls, left: Value, right: Value, output: Value) -> Product | None:
        """None where there is no code for it."""
        values = (left, right, output)
        if (
            {one.ndim for one in values} not in ({2}, {3})
            or len({one.shape[:-2] for one in values}) > 1
            or {one.dtype for one in values} not in ({torch.float32}, {torch.float64})
            or min(left.size, right.size) == 0
        ):
            return None
        matrices = [Matrices(one.shape, one.stride) for one in values]
        product = cls(output.dtype, matrices[0], matrices[1], matrices[2])
        return product if product._way.on_stack <= MOST_ON_STACK else None

    @property
    def places(self) -> tuple[int, ...]:
        return (0, 1, 2)

    @property
    def multiplications(self) -> int:
        """In a round."""
        return self.left.shape[-2] * self.left.shape[-1] * self.right.shape[-1]

    def add(self, module: Any, name: str) -> Function:
        """A function `name(left, right, output)` of the places of matrices."""
        function, code = new_function(module, name, 3)
        way, writer = self._way, _Writer(code, self.dtype)

        def one_round(index: Number) -> None:
            matrices = [
                one.of_round(code, place, index, self.dtype)
                for place, one in zip(function.args, (self.left, self.right, self.output), strict=True)
            ]
            if way.is_transposed:
                matrices = [matrices[at].transposed for at in (1, 0, 2)]
            write = writer.by_dots if way.is_by_dots else writer.by_rows
            write(*matrices)

        for_each(code, [range(size) for size in self.output.shape[:-2]] or [range(1)], one_round)
        code.ret_void()
        return function

    @property
    def _way(self) -> _Way:
        """The one of least cost."""
        lanes = REGISTER // self.dtype.itemsize
        ways = []
        for is_transposed in (False, True):
            given = [_Matrix(None, *one.shape[-2:], *one.stride[-2:]) for one in (self.left, self.right, self.output)]
            a, b, c = [given[at].transposed for at in (1, 0, 2)] if is_transposed else given
            size_a, size_b, size_c = (one.rows * one.columns for one in (a, b, c))
            moved = 0 if b.has_rows_together else size_b
            scattered = 0 if c.has_rows_together else size_c
            cost = size_a * -(-b.columns // lanes) + moved + scattered
            ways.append(_Way(cost, False, is_transposed, moved * self.dtype.itemsize))
            moved = (0 if a.has_rows_together else size_a) + (0 if b.transposed.has_rows_together else size_b)
            cost = size_c * (-(-a.columns // lanes) + ADDING) + moved
            ways.append(_Way(cost, True, is_transposed, moved * self.dtype.itemsize))
        return min(ways)


class _Writer:
    """Writes the code of a product of two matrices, part by part of the output."""

    def __init__(self, code: Builder, dtype: torch.dtype) -> None:
        self._code, self._dtype, self._lanes = code, dtype, REGISTER // dtype.itemsize

    def by_rows(self, left: _Matrix, right: _Matrix, output: _Matrix) -> None:
        """Each row of the output as a sum of the right factor's rows."""
        right = right if right.has_rows_together else self._laid_out(right)
        height = next((size for size in HEIGHTS if left.rows % size == 0), HEIGHTS[0])
        self._in_parts(self._sums, left, right, output, height, 2 * self._lanes)

    def _sums(
        self, left: _Matrix, right: _Matrix, output: _Matrix, rows: int, columns: int, i: Number, j: Number
    ) -> None:
        """Σₖ left[i, k] right[k, j:j + columns], of so many rows from i on."""
        first, above = self._on(left.place, i, left.row), self._on(right.place, j, right.column)

        def add(k: Number, sums: Sequence[Number]) -> Sequence[Number]:
            row = self._load(self._on(above, k, right.row), columns)
            start = self._on(first, k, left.column)
            factors = [self._load(self._on(start, int64(r), left.row)) for r in range(rows)]
            return [
                intrinsic(self._code, "fmuladd", wide(self._code, x, columns), row, total)
                for x, total in zip(factors, sums, strict=True)
            ]

        sums = repeated(self._code, range(left.columns), add, [self._zero(columns)] * rows)
        start = self._on(self._on(output.place, i, output.row), j, output.column)
        for r, total in enumerate(sums):
            self._store(total, self._on(start, int64(r), output.row), output.column)

    def by_dots(self, left: _Matrix, right: _Matrix, output: _Matrix) -> None:
        """Each number of the output as the product of a row and a column."""
        left = left if left.has_rows_together else self._laid_out(left)
        if not right.transposed.has_rows_together:
            right = self._laid_out(right.transposed).transposed
        self._in_parts(self._dots, left, right, output, ROWS, COLUMNS)

    def _dots(
        self, left: _Matrix, right: _Matrix, output: _Matrix, rows: int, columns: int, i: Number, j: Number
    ) -> None:
        """left[i, :] right[:, j], of so many rows from i on and as many columns from j on."""
        first, above = self._on(left.place, i, left.row), self._on(right.place, j, right.column)
        totals = [self._zero()] * (rows * columns)
        for along in parts(left.columns, self._lanes):

            def add(k: Number, sums: Sequence[Number], width: int = along.step) -> Sequence[Number]:
                a, b = self._on(first, k, left.column), self._on(above, k, right.row)
                x = [self._load(self._on(a, int64(r), left.row), width) for r in range(rows)]
                y = [self._load(self._on(b, int64(c), right.column), width) for c in range(columns)]
                pairs = itertools.product(x, y)
                return [intrinsic(self._code, "fmuladd", *pair, total) for pair, total in zip(pairs, sums, strict=True)]

            sums = repeated(self._code, along, add, [self._zero(along.step)] * len(totals))
            totals = [sum_of(self._code, vector, total) for vector, total in zip(sums, totals, strict=True)]
        start = self._on(self._on(output.place, i, output.row), j, output.column)
        for (r, c), total in zip(itertools.product(range(rows), range(columns)), totals, strict=True):
            store(
                self._code, total, self._on(self._on(start, int64(r), output.row), int64(c), output.column), self._dtype
            )

    def _in_parts(
        self, write: Callable[..., None], left: _Matrix, right: _Matrix, output: _Matrix, height: int, width: int
    ) -> None:
        """All of the output, in parts of so many rows and columns, and smaller ones at the edges."""
        for rows, columns in itertools.product(parts(left.rows, height), parts(right.columns, width)):
            part = functools.partial(write, left, right, output, rows.step, columns.step)
            for_each(self._code, [rows, columns], part)

    def _laid_out(self, matrix: _Matrix) -> _Matrix:
        """A copy on the stack, with the numbers of a row one behind the other."""
        with self._code.goto_entry_block():
            place = self._code.alloca(kind_of(self._dtype), matrix.rows * matrix.columns)
        copy = matrix._replace(place=place, row=matrix.columns, column=1)

        def move(i: Number, j: Number) -> None:
            source, target = (self._on(self._on(one.place, i, one.row), j, one.column) for one in (matrix, copy))
            store(self._code, self._load(source), target, self._dtype)

        for_each(self._code, [range(matrix.rows), range(matrix.columns)], move)
        return copy

    def _on(self, place: Number, index: Number, stride: int) -> Number:
        return on(self._code, place, index, kind_of(self._dtype), stride)

    def _zero(self, width: int = 0) -> Number:
        return same(kind_of(self._dtype, width), 0.0)

    def _load(self, place: Number, width: int = 0) -> Number:
        return load(self._code, place, self._dtype, width)

    def _store(self, vector: Number, place: Number, stride: int) -> None:
        """Store the numbers of a vector, so far apart."""
        if stride == 1:
            store(self._code, vector, place, self._dtype)
            return
        for lane in range(vector.type.count):
            number = self._code.extract_element(vector, int32(lane))
            store(self._code, number, self._on(place, int64(lane), stride), self._dtype)
