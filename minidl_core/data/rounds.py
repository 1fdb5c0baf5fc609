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
from minidl_core.errors import RequestError
from minidl_core.seeding import generator

__all__ = ["Examples", "MappedExamples", "RoundData", "draw", "examples_of", "separate", "split"]


@dataclass(frozen=True)
class RoundData:
    """Training, validation and test examples, and what the columns are called."""

    train: Examples | MappedExamples
    validation: Examples | None
    """What trainings are stopped by, and schedules go by; None where nothing is held out for it."""
    test: Examples | MappedExamples | None
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None


def draw(dataset: Dataset, seeds: Sequence[int], validation: bool = False) -> RoundData:
    """A training sample and a test sample of the same size for each seed, and one for validation where it is wished."""

    def sampled(part: str) -> list[Table]:
        return [dataset.sample(generator(seed, "data", part)) for seed in seeds]

    train = sampled("train")
    return _described(
        train[0], _stack(train), _stack(sampled("test")), _stack(sampled("validation")) if validation else None
    )


def split(
    table: Table | MappedTable, test_fraction: float, seeds: Sequence[int], validation_fraction: float = 0.0
) -> RoundData:
    """Hold a part of the rows out for test, drawn anew for each seed; classes keep their proportions in all parts.

    Args:
        validation_fraction: of the rows that are not for test.
    """
    held_out = rows_held_out(len(table), test_fraction)
    if isinstance(table, MappedTable):
        _refuse_validation(validation_fraction)
        if held_out == 0:
            return _described(table, examples_of(table), None)
        train, test = (MappedExamples(table, tuple(seeds), test_fraction, is_test) for is_test in (False, True))
        return _described(table, train, test)
    rest, tested = _held_out([table], test_fraction, seeds, "test")
    trained, validated = _held_out(rest, validation_fraction, seeds, "validation")
    return _described(table, _stack(trained), _stack(tested), _stack(validated))


def separate(
    train: Table | MappedTable, test: Table | MappedTable, seeds: Sequence[int], validation_fraction: float = 0.0
) -> RoundData:
    """One table to train on, but for a part of it for validation; all of another to test on, for every round."""
    if isinstance(train, MappedTable):
        _refuse_validation(validation_fraction)
        return _described(train, examples_of(train), examples_of(test))
    rest, validation = _held_out([train], validation_fraction, seeds, "validation")
    return _described(train, _stack(rest), examples_of(test), _stack(validation))


def _refuse_validation(fraction: float) -> None:
    if fraction:
        raise RequestError(
            "of a table that is read in blocks no rows can be held out for validation; give a validation fraction of 0 "
            "(patience then goes by the training loss)"
        )


def _held_out(
    tables: list[Table], fraction: float, seeds: Sequence[int], purpose: str
) -> tuple[list[Table], list[Table]]:
    """What is left of the table of each seed, or of one for all of them, and what is held out, if anything is."""
    held_out = rows_held_out(len(tables[0]), fraction, purpose)
    if held_out == 0:
        return tables, []
    each = zip(tables * len(seeds) if len(tables) == 1 else tables, seeds, strict=True)
    parts = [(table, *split_rows(table, held_out, seed, purpose=purpose)) for table, seed in each]
    return [_rows(table, rest) for table, rest, _ in parts], [_rows(table, held) for table, _, held in parts]


def examples_of(table: Table | MappedTable) -> Examples | MappedExamples:
    """All rows of a table, the same for every round."""
    return MappedExamples(table) if isinstance(table, MappedTable) else Examples(table.features, table.target)


def _rows(table: Table, rows: Tensor) -> Table:
    return Table(table.features[rows], table.target[rows], table.feature_names, table.target_name, table.classes)


def _stack(tables: list[Table]) -> Examples | None:
    """One table a round; a single one without a round axis; None of none."""
    if not tables:
        return None
    if len(tables) == 1:
        return Examples(tables[0].features, tables[0].target)
    return Examples(torch.stack([t.features for t in tables]), torch.stack([t.target for t in tables]))


def _described(
    table: Table | MappedTable,
    train: Examples | MappedExamples | None,
    test: Examples | MappedExamples | None,
    validation: Examples | None = None,
) -> RoundData:
    assert train is not None
    return RoundData(train, validation, test, table.feature_names, table.target_name, table.classes)
