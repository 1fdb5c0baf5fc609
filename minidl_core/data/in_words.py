"""The data of a training, as people are told of it."""

from __future__ import annotations

from collections.abc import Iterator

from minidl_core.data.examples import Examples
from minidl_core.data.mapped_examples import MappedExamples
from minidl_core.data.rounds import RoundData

MANY_NAMES = 8


def rows_of_each(examples: Examples | MappedExamples | None) -> int | list[int] | None:
    """How many each round has; a list where they have unequal numbers."""
    counts = examples.counts if isinstance(examples, Examples) else None
    if counts or examples is None:
        return list(counts) if counts else None
    return examples.rows


def parts_in_words(data: RoundData) -> str:
    """`120 rows to train on, 30 to test on`"""
    parts = [f"{_count(data.train)} rows to train on"]
    parts += [f"{_count(data.validation)} to validate on"] if data.validation else []
    parts += [f"{_count(data.test)} to test on"] if data.test else []
    return ", ".join(parts)


def columns_in_words(data: RoundData) -> Iterator[str]:
    """The columns of each kind that there are: `2 categories: sex (2), town (12)`"""
    for kind, singular, plural in (
        ("number", "number", "numbers"),
        ("boolean", "boolean", "booleans"),
        ("category", "category", "categories"),
    ):
        names = [
            f"{column.name} ({len(column.categories)})" if kind == "category" else column.name
            for column in data.columns
            if column.kind == kind
        ]
        if names:
            more = f" and {len(names) - MANY_NAMES} more" if len(names) > MANY_NAMES else ""
            yield f"{len(names)} {singular if len(names) == 1 else plural}: {', '.join(names[:MANY_NAMES])}{more}"


def target_in_words(data: RoundData) -> str:
    """`species, 3 classes: setosa, versicolor, virginica`"""
    names = ", ".join(data.target_names)
    if data.classes is None:
        return f"{names}, {'a value' if len(data.target_names) == 1 else 'values'}"
    more = f" and {len(data.classes) - MANY_NAMES} more" if len(data.classes) > MANY_NAMES else ""
    return f"{names}, {len(data.classes)} classes: {', '.join(data.classes[:MANY_NAMES])}{more}"


def _count(examples: Examples | MappedExamples) -> str:
    rows = rows_of_each(examples)
    return f"{min(rows)} to {max(rows)}" if isinstance(rows, list) else str(rows)
