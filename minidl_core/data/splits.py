"""Which rows each round learns from, and which it holds out for validation and for test."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError
from minidl_core.seeding import generator

By = Literal["chance", "part", "group", "time"]
log = logging.getLogger("minidl")

PARTS = ("train", "validation", "test")
"""What the key of a row stands for where rows are split by part."""


@dataclass(frozen=True)
class Splitting:
    """How the rows of a table are split."""

    test_fraction: float = 0.2
    """The part of all rows that is held out for test."""
    validation_fraction: float = 0.0
    """The part of the other rows that is held out for validation."""
    by: By = "chance"
    """By chance, classes in proportion; by a key that says the part, `PARTS`; by one whose groups stay together; or by
    the moment, the last ones for test."""
    folds: int | None = None
    """So many parts, each held out for test in one round; None for one part of `test_fraction`."""
    resplit: bool = True
    """Whether each round splits by its own seed, or all by the first one's."""

    def __post_init__(self) -> None:
        for purpose in ("test", "validation"):
            fraction = getattr(self, f"{purpose}_fraction")
            if not isinstance(fraction, int | float) or not 0 <= fraction < 1:
                raise RequestError(f"the {purpose} fraction must be at least 0 and less than 1, got {fraction!r}")
        if self.folds is not None and self.folds < 2:
            raise RequestError(f"folds must be at least 2, got {self.folds}")
        if self.folds is not None and self.by in ("part", "time"):
            raise RequestError(f"folds part rows by chance or by group, and not by {self.by}; leave one of them out")
        if self.folds is not None and not self.resplit:
            raise RequestError("each fold is a split of its own; leave no-resplit out, or the folds")


class Split(NamedTuple):
    """The numbers of the rows of each part."""

    train: Tensor
    validation: Tensor
    test: Tensor


def splits(table: Table, how: Splitting, seeds: Sequence[int]) -> list[Split]:
    """The split of each round, or one for all of them where they have the same.

    Raises DataError where a part would be left without rows.
    """
    if how.folds is not None:
        folds = _folds(table, how, seeds[0])
        return [_validated(table, how, *fold, seed) for fold, seed in zip(folds, seeds, strict=True)]
    if how.by == "part":
        assert table.key is not None
        train, validation, test = ((table.key == number).nonzero().flatten() for number in range(len(PARTS)))
        if not len(train):
            raise DataError("no row is for training; the column that says the part of each row must say so of some")
        if len(validation) or not how.validation_fraction:
            return [Split(train, validation, test)]
        return [_validated(table, how, train, test, seed) for seed in (seeds if how.resplit else seeds[:1])]
    if how.by == "time":
        assert table.key is not None
        order = table.key.argsort(stable=True)
        rest, test = _last(table.key, order, how.test_fraction, "test")
        return [Split(*_last(table.key, rest, how.validation_fraction, "validation"), test)]
    rows = torch.arange(len(table))
    is_shared = not how.resplit or how.test_fraction == how.validation_fraction == 0
    parts = []
    for seed in seeds[:1] if is_shared else seeds:
        rest, test = _held_out(table, rows, how.test_fraction, seed, "test", how.by)
        parts.append(_validated(table, how, rest, test, seed))
    return parts


def epoch_rows(rows: int, how: Splitting) -> int | None:
    """How many rows of a round an epoch takes, where rounds may have more or fewer; None for all that each has.

    It depends on nothing but the table and the request, so that a round is the same alone and among others.
    """
    if how.folds is None and (how.by != "group" or not how.resplit):
        return None
    rest = rows - round(rows * (how.test_fraction if how.folds is None else 1 / how.folds))
    return rest - round(rest * how.validation_fraction)


def rows_held_out(rows: int, fraction: float, purpose: str = "test") -> int:
    """How many rows a fraction is, to the nearest. Raises DataError where a part would be left without any."""
    held_out = round(rows * fraction)
    if fraction > 0 and held_out in (0, rows):
        raise DataError(
            f"{rows} rows cannot be split with a {purpose} fraction of {fraction:g}; give more rows or another fraction"
            + (", or a test file" if purpose == "test" else "")
        )
    return held_out


def split_rows(
    target: Tensor, are_classes: bool, held_out: int, seed: int, block: int = 0, purpose: str = "test"
) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on and of the `held_out` rows, for test or for validation.

    Rows in random order, those of a class together, and every k-th is held out: so each class is in both parts in
    its proportion, to the nearest row (a class of one row is in one part). Of a table that is read in blocks each
    block is split by itself, in an order of its own.
    """
    rows = len(target)
    # The first block is split as the table that it would be alone.
    order = torch.randperm(rows, generator=_generator(seed, purpose, *([block] if block else [])))
    if are_classes:
        order = order[target[order].argsort(stable=True)]
    is_held_out = torch.zeros(rows, dtype=torch.bool)
    is_held_out[(2 * torch.arange(held_out) + 1) * rows // (2 * held_out)] = True
    return order[~is_held_out], order[is_held_out]


def _generator(seed: int, purpose: str, *more: int) -> Generator:
    return generator(seed, "split" if purpose == "test" else purpose, *more)


def _validated(table: Table, how: Splitting, rest: Tensor, test: Tensor, seed: int) -> Split:
    """A part of what is left is held out for validation."""
    by = "chance" if how.by == "part" else how.by
    return Split(*_held_out(table, rest, how.validation_fraction, seed, "validation", by), test)


def _held_out(table: Table, among: Tensor, fraction: float, seed: int, purpose: str, by: str) -> tuple[Tensor, Tensor]:
    """What is left of some rows, and what is held out."""
    held_out = rows_held_out(len(among), fraction, purpose)
    if held_out == 0:
        return among, among[:0]
    if by == "group":
        assert table.key is not None
        is_held_out = _groups(table.key[among], held_out, _generator(seed, purpose), purpose)
        return among[~is_held_out], among[is_held_out]
    rest, held = split_rows(table.target[among], table.classes is not None, held_out, seed, purpose=purpose)
    return among[rest], among[held]


def _groups(key: Tensor, held_out: int, generator: Generator, purpose: str) -> Tensor:
    """Which rows are of groups that together have about as many rows as is wished.

    Of the groups in random order, each is taken that brings the number nearer to it; where none does, the smallest.
    """
    group, sizes = _grouped(key)
    if len(sizes) < 2:
        raise DataError(f"rows of one group alone cannot be split for {purpose}; give more groups, or a fraction of 0")
    is_taken, rows = torch.zeros(len(sizes), dtype=torch.bool), 0
    for one in torch.randperm(len(sizes), generator=generator).tolist()[:-1]:  # one at least is left
        size = int(sizes[one])
        if abs(rows + size - held_out) < abs(rows - held_out):
            is_taken[one], rows = True, rows + size
    if not rows:
        is_taken[sizes.argmin()], rows = True, int(sizes.min())
    if not 0.5 <= rows / held_out <= 2:
        log.warning("the groups are so large that %d rows are held out for %s instead of %d", rows, purpose, held_out)
    return is_taken[group]


def _last(key: Tensor, order: Tensor, fraction: float, purpose: str) -> tuple[Tensor, Tensor]:
    """Rows in the order of time before a moment, and those from then on; rows of one moment are never parted."""
    held_out = rows_held_out(len(order), fraction, purpose)
    if held_out == 0:
        return order, order[:0]
    is_held_out = key[order] >= key[order[-held_out]]
    if is_held_out.all():
        raise DataError(
            f"all rows up to the last {held_out} are of one moment, so that none is before the {purpose} part; take a "
            "smaller fraction, or split by chance"
        )
    return order[~is_held_out], order[is_held_out]


def _folds(table: Table, how: Splitting, seed: int) -> list[tuple[Tensor, Tensor]]:
    """What is left and what is held out in each fold: classes in proportion, or groups together."""
    rows, folds = len(table), how.folds or 1
    random = generator(seed, "folds")
    if how.by != "group" or table.key is None:
        if rows < folds:
            raise DataError(f"{rows} rows cannot be parted in {folds} folds; take fewer")
        order = torch.randperm(rows, generator=random)
        if table.classes is not None:
            order = order[table.target[order].argsort(stable=True)]
        fold = torch.empty(rows, dtype=torch.int64)
        fold[order] = torch.arange(rows) % folds
    else:
        group, sizes = _grouped(table.key)
        if len(sizes) < folds:
            raise DataError(f"{len(sizes)} groups cannot be parted in {folds} folds; take fewer")
        order = torch.randperm(len(sizes), generator=random)
        order = order[sizes[order].argsort(descending=True, stable=True)]
        filled, fold_of = torch.zeros(folds, dtype=torch.int64), torch.empty(len(sizes), dtype=torch.int64)
        for one in order.tolist():  # the greatest first, each to the fold with the fewest rows
            fold_of[one] = filled.argmin()
            filled[fold_of[one]] += sizes[one]
        fold = fold_of[group]
    return [((fold != number).nonzero().flatten(), (fold == number).nonzero().flatten()) for number in range(folds)]


def _grouped(key: Tensor) -> tuple[Tensor, Tensor]:
    """The group of each row, and how many rows each group has."""
    _, group, sizes = np.unique(key.numpy(), return_inverse=True, return_counts=True)
    return torch.from_numpy(group), torch.from_numpy(sizes)
