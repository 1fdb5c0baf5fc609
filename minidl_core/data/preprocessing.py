"""Features as a model takes them: cells that are missing filled in, numbers scaled, categories one-hot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from minidl_core.data.columns import KINDS, Column
from minidl_core.data.header import booleans_of, numbers_of, require_keys, texts_of
from minidl_core.data.standardization import Moments, Standardization
from minidl_core.errors import DataError, ModelFileError
from minidl_core.persistence.strict_json import shown

SCALES = ("standardize", "min_max", "none")
FILLS = ("median", "mean", "most_frequent")
ROWS_AT_ONCE = 2**10
"""Of all rounds, so few that what is computed on the way stays in a cache, and with one thread."""


@dataclass(frozen=True)
class Preprocessing:
    """What became of the columns, fitted on the training rows of each round alone.

    A number x becomes (x - offset) / scale: with `standardize` these are mean and deviation, with `min_max` the least
    and the difference to the greatest; of a constant column scale is 1. A boolean is 0 or 1. A category is 1 in its own
    input and 0 in the others of its column; one that no training row had is 0 in all of them.
    """

    columns: tuple[Column, ...]
    scaling: str
    """One of `SCALES`."""
    missing: str | None
    """How missing cells were treated in training: one of `FILLS`, `drop`, or None where there were none."""
    offset: Tensor
    """`[*rounds, 1, columns]`, float64, 0 where a column is not of numbers."""
    scale: Tensor
    """The same, 1 where a column is not of numbers."""
    fill: Tensor | None
    """What missing cells become, `[*rounds, 1, columns]`; of booleans and categories always the most frequent."""
    seen: Tensor | None
    """Which inputs are used, `[*rounds, 1, inputs]`, booleans; None for all."""

    @classmethod
    def fit(cls, columns: Sequence[Column], pieces: Iterable[Tensor], scaling: str, missing: str | None) -> Self:
        """From the training rows, `[*rounds, n, columns]` a piece; in one where cells are to be filled in."""
        fill: Tensor | None = None
        found: _Summary | None = None
        for piece in pieces:
            if missing in FILLS:
                fill = _fill(piece, columns, missing)
                piece = torch.where(piece.isnan(), fill, piece)  # noqa: PLW2901, it is the piece from here on
            one = _Summary.of(piece, columns)
            found = one if found is None else found.joined(one)
        assert found is not None
        offset, scale = found.scales(scaling)
        is_number = torch.tensor([column.kind == "number" for column in columns])
        offset, scale = torch.where(is_number, offset, 0.0), torch.where(is_number, scale, 1.0)
        require_scaled([column.name for column in columns], found.least, found.greatest, offset, scale)
        return cls(
            tuple(columns), scaling, missing, offset, scale, fill, None if found.present.all() else found.present
        )

    @classmethod
    def joined(cls, rounds: Sequence[Self]) -> Self:
        """Those of rounds that were fitted each by itself."""
        first = rounds[0]
        seen = None
        if any(one.seen is not None for one in rounds):
            every = torch.ones(1, first.width, dtype=torch.bool)
            seen = torch.stack([every if one.seen is None else one.seen for one in rounds])
        fill = None if first.fill is None else torch.stack([one.fill for one in rounds if one.fill is not None])
        offset, scale = (torch.stack([getattr(one, name) for one in rounds]) for name in ("offset", "scale"))
        return cls(first.columns, first.scaling, first.missing, offset, scale, fill, seen)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def width(self) -> int:
        """How many inputs a model has."""
        return sum(column.width for column in self.columns)

    def apply(self, features: Tensor, dtype: torch.dtype) -> Tensor:
        """`[*rounds, N, columns]`, or `[N, columns]` for all rounds alike -> `[*rounds, N, inputs]`."""
        rounds = features.shape[:-2] or self.offset.shape[:-2]
        inputs = torch.empty(*rounds, features.shape[-2], self.width, dtype=dtype)
        for start in range(0, features.shape[-2], at_once := max(1, ROWS_AT_ONCE // max(1, rounds.numel()))):
            rows = features[..., start : start + at_once, :]
            if self.fill is not None:
                rows = torch.where(rows.isnan(), self.fill, rows)
            self._write(rows, (rows - self.offset) / self.scale, inputs[..., start : start + at_once, :])
        return inputs

    def _write(self, rows: Tensor, scaled: Tensor, inputs: Tensor) -> None:
        if all(column.kind != "category" for column in self.columns):
            inputs.copy_(scaled)
            return
        first = 0
        for place, column in enumerate(self.columns):
            here = inputs[..., first : first + column.width]
            one = slice(place, place + 1)
            here.copy_(rows[..., one] == _numbers(column) if column.kind == "category" else scaled[..., one])
            first += column.width
        if self.seen is not None:
            inputs.mul_(self.seen)

    def to_json(self) -> dict[str, Any]:
        """For a model's header."""

        def listed(tensor: Tensor | None) -> Any:
            return None if tensor is None else tensor.squeeze(-2).tolist()

        return {
            "columns": [
                {"name": column.name, "kind": column.kind, "categories": list(column.categories)}
                for column in self.columns
            ],
            "scaling": self.scaling,
            "missing": self.missing,
            "offset": listed(self.offset),
            "scale": listed(self.scale),
            "fill": listed(self.fill),
            "seen": listed(self.seen),
        }

    @classmethod
    def from_json(cls, given: Any, rounds: tuple[int, ...]) -> Self:
        """From a model's header. Raises ModelFileError where it is none of a model with these rounds."""
        header = require_keys("its features", given, [field.name for field in fields(cls)])
        columns = _columns(header["columns"])
        for name, known in ("scaling", SCALES), ("missing", (None, "drop", *FILLS)):
            if header[name] not in known:
                raise ModelFileError(
                    f"its {name} must be one of {', '.join(map(str, known))}, got {shown(header[name])}"
                )
        offset, scale = (numbers_of(header, name, len(columns), rounds) for name in ("offset", "scale"))
        fill = None if header["fill"] is None else numbers_of(header, "fill", len(columns), rounds)
        width = sum(column.width for column in columns)
        seen = None if header["seen"] is None else booleans_of(header, "seen", width, rounds)
        if len({one.shape[:-2] for one in (offset, scale, fill, seen) if one is not None}) > 1:
            raise ModelFileError("its offset, scale, fill and seen must be all for each round, or all for any round")
        if not bool((scale > 0).all()):
            raise ModelFileError(f"its scale must be greater than 0, got {shown(header['scale'])}")
        if (fill is None) != (header["missing"] not in FILLS):
            raise ModelFileError(
                f"its fill must be there where missing is one of {', '.join(FILLS)}, and not else; missing is "
                f"{header['missing']}, fill {shown(header['fill'])}"
            )
        for place, column in enumerate(columns):
            if column.kind != "number" and not bool(((offset[..., place] == 0) & (scale[..., place] == 1)).all()):
                raise ModelFileError(f"its offset must be 0 and its scale 1 for the {column.kind} '{column.name}'")
            if fill is not None and not _can_be_cells(fill[..., place], column):
                raise ModelFileError(
                    f"its fill must be a {column.kind} for '{column.name}', got {shown(header['fill'])}"
                )
        return cls(columns, header["scaling"], header["missing"], offset, scale, fill, seen)


def require_scaled(names: Sequence[str], least: Tensor, greatest: Tensor, offset: Tensor, scale: Tensor) -> None:
    """Raise DataError for a column whose numbers are too far apart for a model; each `[*rounds, 1, columns]`."""
    scaled = (torch.stack([least, greatest]) - offset) / scale
    is_fine = (scaled.abs() <= torch.finfo(torch.float32).max) & scale.isfinite()
    if not bool(is_fine.all()):
        place = int((~is_fine).reshape(-1, len(names)).any(0).long().argmax())
        column = greatest[..., place].max(), least[..., place].min()
        raise DataError(
            f"column '{names[place]}' goes from {column[1]:g} to {column[0]:g}, too far for a model's arithmetic; "
            "take another unit, or its logarithm"
        )


class _Summary(NamedTuple):
    """What the scale of columns depends on, each `[*rounds, 1, columns]`, and which inputs there are."""

    moments: Moments
    least: Tensor
    greatest: Tensor
    present: Tensor

    @classmethod
    def of(cls, rows: Tensor, columns: Sequence[Column]) -> Self:
        least, greatest = rows.amin(-2, keepdim=True), rows.amax(-2, keepdim=True)
        return cls(Moments.of(rows), least, greatest, _present(rows, columns))

    def joined(self, other: Self) -> Self:
        """That of the rows of both."""
        return type(self)(
            self.moments.joined(other.moments),
            torch.minimum(self.least, other.least),
            torch.maximum(self.greatest, other.greatest),
            self.present | other.present,
        )

    def scales(self, scaling: str) -> tuple[Tensor, Tensor]:
        """What is subtracted from numbers, and what they are divided by."""
        if scaling == "standardize":
            standard = Standardization.of(self.moments)
            return standard.mean, standard.std
        if scaling == "min_max":
            return self.least, (self.greatest - self.least).masked_fill(self.greatest == self.least, 1.0)
        return torch.zeros_like(self.least), torch.ones_like(self.least)


def _fill(rows: Tensor, columns: Sequence[Column], how: str) -> Tensor:
    """What stands for missing cells, `[*rounds, 1, columns]`."""
    flat = rows.reshape(-1, *rows.shape[-2:])
    fill = torch.empty(len(flat), 1, len(columns), dtype=rows.dtype)
    for index, numbers in enumerate(flat):
        for place, column in enumerate(columns):
            cells = numbers[:, place]
            cells = cells[~cells.isnan()]
            if not len(cells):
                raise DataError(
                    f"column '{column.name}' has no cell in the {len(numbers)} training rows of round {index + 1}, so "
                    f"that nothing can be filled in; leave the column out: --drop '{column.name}'"
                )
            fill[index, 0, place] = _typical(cells, how if column.kind == "number" else "most_frequent")
    return fill.reshape(*rows.shape[:-2], 1, len(columns))


def _typical(cells: Tensor, how: str) -> Tensor:
    """The mean of numbers `[n]`, their median (between the middle two of an even number), or the most frequent."""
    if how == "mean":
        return cells.mean()
    if how == "median":
        middle = cells.sort().values[[(len(cells) - 1) // 2, len(cells) // 2]]
        return middle[0] + (middle[1] - middle[0]) / 2
    different, counts = np.unique(cells.numpy(), return_counts=True)
    return torch.tensor(different[counts.argmax()])


def _present(rows: Tensor, columns: Sequence[Column]) -> Tensor:
    """Which inputs some row has, `[*rounds, 1, inputs]`; those of numbers and booleans always."""
    parts = []
    for place, column in enumerate(columns):
        if column.kind == "category":
            codes = rows[..., place].long() + 1  # 0 for one that is in no list
            counts = torch.zeros(*codes.shape[:-1], column.width + 1, dtype=torch.int64)
            counts.scatter_add_(-1, codes, torch.ones_like(codes))
            parts.append(counts[..., 1:] > 0)
        else:
            parts.append(torch.ones(*rows.shape[:-2], 1, dtype=torch.bool))
    return torch.cat(parts, -1).unsqueeze(-2)


def _numbers(column: Column) -> Tensor:
    """Those of a column's categories."""
    return torch.arange(len(column.categories), dtype=torch.float64)


def _columns(given: Any) -> tuple[Column, ...]:
    """Raises ModelFileError for what are none, or not all of one name each."""
    if not isinstance(given, list) or not given:
        raise ModelFileError(f"its columns must be a list of at least one, got {shown(given)}")
    columns = tuple(map(_column, given))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise ModelFileError(f"its columns must differ in name, got {shown(names)}")
    return columns


def _column(given: Any) -> Column:
    one = require_keys("one of its columns", given, [field.name for field in fields(Column)])
    name, kind = one["name"], one["kind"]
    if not isinstance(name, str):
        raise ModelFileError(f"the name of each of its columns must be a text, got {shown(name)}")
    if kind not in KINDS:
        raise ModelFileError(
            f"the kind of its column {shown(name)} must be one of {', '.join(KINDS)}, got {shown(kind)}"
        )
    categories = texts_of(one, "categories", 0)
    if bool(categories) != (kind == "category"):
        raise ModelFileError(
            f"its column {shown(name)} is a {kind}; the categories of a category are at least one text, those of "
            f"others none, got {shown(one['categories'])}"
        )
    return Column(name, kind, categories)


def _can_be_cells(numbers: Tensor, column: Column) -> bool:
    """Whether a column of this kind may have these numbers, see `Column`."""
    if column.kind == "number":
        return True
    least, greatest = (-1, len(column.categories) - 1) if column.kind == "category" else (0, 1)
    return bool(((numbers == numbers.round()) & (numbers >= least) & (numbers <= greatest)).all())
