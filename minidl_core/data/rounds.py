"""What each round learns from and is tested on. A round draws its own split, or its own sample, from its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.errors import DataError, RequestError
from minidl_core.seeding import generator


@dataclass(frozen=True)
class Examples:
    """The rows of all rounds: features `[*rounds, N, F]` and targets `[*rounds, N]` or `[*rounds, N, 1]`.

    Without round axes the rows are the same for every round.
    """

    features: Tensor
    target: Tensor


@dataclass(frozen=True)
class RoundData:
    """Training and test examples, and what the columns are called."""

    train: Examples
    test: Examples | None
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None


def draw(dataset: Dataset, seeds: Sequence[int]) -> RoundData:
    """A training sample and a test sample of the same size for each seed."""
    train, test = ([dataset.sample(generator(seed, "data", part)) for seed in seeds] for part in ("train", "test"))
    return _described(train[0], _stack(train), _stack(test))


def split(table: Table, test_fraction: float, seeds: Sequence[int]) -> RoundData:
    """Hold a part of the rows out for test, drawn anew for each seed; classes keep their proportions in both parts."""
    if not 0 <= test_fraction < 1:
        raise RequestError(f"the test fraction must be at least 0 and less than 1, got {test_fraction}")
    held_out = round(len(table) * test_fraction)
    if test_fraction == 0:
        return _described(table, Examples(table.features, table.target), None)
    if held_out == 0 or held_out == len(table):
        raise DataError(
            f"{len(table)} rows cannot be split with a test fraction of {test_fraction:g}; "
            "give more rows, another fraction, or a test file"
        )
    parts = [split_rows(table, held_out, seed) for seed in seeds]
    return _described(
        table,
        _stack([_rows(table, train) for train, _ in parts]),
        _stack([_rows(table, test) for _, test in parts]),
    )


def split_rows(table: Table, held_out: int, seed: int) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on and of the `held_out` rows to test on.

    Rows in random order, those of a class together, and every k-th is held out: so each class is in both parts in
    its proportion, to the nearest row (a class of one row is in one part).
    """
    order = torch.randperm(len(table), generator=generator(seed, "split"))
    if table.classes is not None:
        order = order[table.target[order].argsort(stable=True)]
    is_held_out = torch.zeros(len(table), dtype=torch.bool)
    is_held_out[(2 * torch.arange(held_out) + 1) * len(table) // (2 * held_out)] = True
    return order[~is_held_out], order[is_held_out]


def separate(train: Table, test: Table) -> RoundData:
    """All rows of one table to train on, all of another to test on, for every round."""
    return _described(train, Examples(train.features, train.target), Examples(test.features, test.target))


def _rows(table: Table, rows: Tensor) -> Table:
    return Table(table.features[rows], table.target[rows], table.feature_names, table.target_name, table.classes)


def _stack(tables: list[Table]) -> Examples:
    """One table a round; a single one without a round axis."""
    if len(tables) == 1:
        return Examples(tables[0].features, tables[0].target)
    return Examples(torch.stack([t.features for t in tables]), torch.stack([t.target for t in tables]))


def _described(table: Table, train: Examples, test: Examples | None) -> RoundData:
    return RoundData(train, test, table.feature_names, table.target_name, table.classes)
