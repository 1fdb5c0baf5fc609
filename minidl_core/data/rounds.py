"""What each round learns from and is tested on. A round draws its own split, or its own sample, from its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl_core.data.examples import Examples
from minidl_core.data.mapped import MappedTable
from minidl_core.data.mapped_examples import MappedExamples
from minidl_core.data.splits import rows_held_out, split_rows
from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.seeding import generator

__all__ = ["Examples", "MappedExamples", "RoundData", "draw", "examples_of", "separate", "split"]


@dataclass(frozen=True)
class RoundData:
    """Training and test examples, and what the columns are called."""

    train: Examples | MappedExamples
    test: Examples | MappedExamples | None
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None


def draw(dataset: Dataset, seeds: Sequence[int]) -> RoundData:
    """A training sample and a test sample of the same size for each seed."""
    train, test = ([dataset.sample(generator(seed, "data", part)) for seed in seeds] for part in ("train", "test"))
    return _described(train[0], _stack(train), _stack(test))


def split(table: Table | MappedTable, test_fraction: float, seeds: Sequence[int]) -> RoundData:
    """Hold a part of the rows out for test, drawn anew for each seed; classes keep their proportions in both parts."""
    held_out = rows_held_out(len(table), test_fraction)
    if held_out == 0:
        return _described(table, examples_of(table), None)
    if isinstance(table, MappedTable):
        train, test = (MappedExamples(table, tuple(seeds), test_fraction, is_test) for is_test in (False, True))
        return _described(table, train, test)
    parts = [split_rows(table, held_out, seed) for seed in seeds]
    return _described(
        table,
        _stack([_rows(table, train) for train, _ in parts]),
        _stack([_rows(table, test) for _, test in parts]),
    )


def separate(train: Table | MappedTable, test: Table | MappedTable) -> RoundData:
    """All rows of one table to train on, all of another to test on, for every round."""
    return _described(train, examples_of(train), examples_of(test))


def examples_of(table: Table | MappedTable) -> Examples | MappedExamples:
    """All rows of a table, the same for every round."""
    return MappedExamples(table) if isinstance(table, MappedTable) else Examples(table.features, table.target)


def _rows(table: Table, rows: Tensor) -> Table:
    return Table(table.features[rows], table.target[rows], table.feature_names, table.target_name, table.classes)


def _stack(tables: list[Table]) -> Examples:
    """One table a round; a single one without a round axis."""
    if len(tables) == 1:
        return Examples(tables[0].features, tables[0].target)
    return Examples(torch.stack([t.features for t in tables]), torch.stack([t.target for t in tables]))


def _described(
    table: Table | MappedTable, train: Examples | MappedExamples, test: Examples | MappedExamples | None
) -> RoundData:
    return RoundData(train, test, table.feature_names, table.target_name, table.classes)
