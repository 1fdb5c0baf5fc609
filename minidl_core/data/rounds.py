"""What each round learns from and is tested on. A round draws its own split, or its own sample, from its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minidl_core.data.columns import Column
from minidl_core.data.examples import Examples
from minidl_core.data.mapped import MappedTable
from minidl_core.data.mapped_examples import MappedExamples
from minidl_core.data.splits import Splitting, epoch_rows, rows_held_out, splits
from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.errors import RequestError
from minidl_core.seeding import generator

__all__ = ["Examples", "MappedExamples", "RoundData", "draw", "examples_of", "split"]


@dataclass(frozen=True)
class RoundData:
    """Training, validation and test examples, and what the columns are."""

    train: Examples | MappedExamples
    validation: Examples | None
    """What trainings are stopped by, and schedules go by; None where nothing is held out for it."""
    test: Examples | MappedExamples | None
    columns: tuple[Column, ...]
    target_names: tuple[str, ...]
    classes: tuple[str, ...] | None
    is_weighted: bool
    """Whether rows count unequally."""
    weight_name: str | None
    """The column that says how much; None where none does."""


def draw(dataset: Dataset, seeds: Sequence[int], validation: bool = False) -> RoundData:
    """A training sample and a test sample of the same size for each seed, and one for validation where it is wished."""

    def sampled(part: str) -> tuple[Table, Examples]:
        tables = [dataset.sample(generator(seed, "data", part)) for seed in seeds]
        features, target = ([getattr(table, name) for table in tables] for name in ("features", "target"))
        if len(tables) == 1:
            return tables[0], Examples(features[0], target[0])
        return tables[0], Examples(torch.stack(features), torch.stack(target))

    table, train = sampled("train")
    return _described(table, train, sampled("validation")[1] if validation else None, sampled("test")[1])


def split(
    table: Table | MappedTable,
    how: Splitting,
    seeds: Sequence[int],
    validation: Table | None = None,
    test: Table | MappedTable | None = None,
) -> RoundData:
    """The parts of a table in each round. What has a table of its own is all of that, in every round.

    Raises RequestError for a table that is read in blocks and cannot be split so.
    """
    if test is not None:
        how = replace(how, test_fraction=0.0)
    others = (None if validation is None else _all_of(validation), None if test is None else examples_of(test))
    if isinstance(table, MappedTable):
        return _described(table, *_split_mapped(table, how, seeds, *others))
    found = splits(table, how, seeds)
    train = replace(_gathered(table, [one.train for one in found]), epoch_rows=epoch_rows(len(table), how))
    if validation is not None and how.by == "part" and len(found[0].validation):
        raise RequestError("validation data and the column of parts each say what is for validation; leave one out")
    validated, tested = (_part(table, [getattr(one, name) for one in found]) for name in ("validation", "test"))
    return _described(table, train, others[0] or validated, others[1] or tested)


def examples_of(table: Table | MappedTable) -> Examples | MappedExamples:
    """All rows of a table, the same for every round."""
    return MappedExamples(table) if isinstance(table, MappedTable) else _all_of(table)


def _all_of(table: Table) -> Examples:
    return Examples(table.features, table.target, table.weight)


def _split_mapped(
    table: MappedTable,
    how: Splitting,
    seeds: Sequence[int],
    validation: Examples | None,
    test: Examples | MappedExamples | None,
) -> tuple[MappedExamples, Examples | None, Examples | MappedExamples | None]:
    if how.by != "chance" or how.folds is not None or not how.resplit:
        raise RequestError("a table that is read in blocks is split by chance alone, anew in each round")
    if how.validation_fraction:
        raise RequestError(
            "of a table that is read in blocks no rows can be held out for validation; give a validation file, or a "
            "validation fraction of 0 (patience then goes by the training loss)"
        )
    if rows_held_out(len(table), how.test_fraction) == 0:
        return MappedExamples(table), validation, test
    train, tested = (MappedExamples(table, tuple(seeds), how.test_fraction, is_test) for is_test in (False, True))
    return train, validation, test or tested


def _part(table: Table, rows: list[Tensor]) -> Examples | None:
    """The rows of a part in each round, None where there are none."""
    return _gathered(table, rows) if len(rows[0]) else None


def _gathered(table: Table, rows: list[Tensor]) -> Examples:
    """Some rows of a table, those of each round or the same for all. Those of a round that has fewer count nothing."""
    if len(rows) == 1:
        weight = None if table.weight is None else table.weight[rows[0]]
        return Examples(table.features[rows[0]], table.target[rows[0]], weight)
    counts = tuple(map(len, rows))
    most = max(counts)
    numbers = torch.stack([torch.cat([own, own[:1].expand(most - len(own))]) for own in rows])
    weight = None if table.weight is None else table.weight[numbers]
    if min(counts) < most:
        is_there = torch.arange(most) < torch.tensor(counts).unsqueeze(-1)
        weight = is_there.double() if weight is None else weight * is_there
    return Examples(table.features[numbers], table.target[numbers], weight, counts if min(counts) < most else None)


def _described(
    table: Table | MappedTable,
    train: Examples | MappedExamples,
    validation: Examples | None,
    test: Examples | MappedExamples | None,
) -> RoundData:
    weight, name = (table.weight, table.weight_name) if isinstance(table, Table) else (None, None)
    described = (table.columns, table.target_names, table.classes, weight is not None, name)
    return RoundData(train, validation, test, *described)
