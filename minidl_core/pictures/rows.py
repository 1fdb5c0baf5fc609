"""The rows that a picture shows: those for test where there are some, so many that drawing takes a moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples, MappedExamples
from minidl_core.pictures.wording import count

if TYPE_CHECKING:
    from minidl_core.training import Training

OPERATIONS = 4e9
"""Of a forward pass, which takes about a second where each round has few rows at a time."""
MOST_ROWS = 100_000
"""Of all rounds together, that are computed."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a part of the data, with the model's outputs for them."""

    part: str
    """`test` or `training`"""
    total: int
    """How many rows the part has, in all rounds."""
    true: Tensor
    """Of all rounds, one after the other: the number of each row's class `[n]`, or its values `[n, T]`."""
    predicted: Tensor
    """The same as the model of the row's round has it."""
    weight: Tensor
    """How much each row counts, `[n]`, float64."""

    def in_words(self, rounds: int) -> str:
        """`all 360 test rows of 10 rounds`"""
        of_rounds = f" of {rounds} rounds" if rounds > 1 else ""
        if len(self.true) == self.total:
            return f"the {count(self.total, f'{self.part} row')}{of_rounds}"
        return f"{len(self.true):,} of the {count(self.total, f'{self.part} row')}{of_rounds}"


def operations(training: Training) -> int:
    """About how many a forward pass of a row takes, in all rounds."""
    return 2 * training.trained.model.parameters.values.numel() + 50 * len(training.trained.seeds)


def held_out(training: Training) -> tuple[str, Examples | MappedExamples]:
    """The part that shows best what was learned: the rows for test, else those that were trained on."""
    test = training.data.test
    return ("training", training.data.train) if test is None else ("test", test)


def some(examples: Examples | MappedExamples, rows: int) -> Examples:
    """So many rows of each round at most: evenly spaced, or of a table that is read in blocks the first."""
    if isinstance(examples, MappedExamples):
        found: Examples | None = None
        for piece in examples.pieces():
            found = piece if found is None else found.followed_by(piece)
            if found.rows >= rows:
                break
        assert found is not None
        return found.part(0, min(rows, found.rows))
    return examples.spread(rows)


def answered(training: Training) -> Rows:
    """What each round's model says of its rows."""
    trained = training.trained
    part, examples = held_out(training)
    rounds = len(trained.seeds)
    sample = some(examples, max(1, min(MOST_ROWS // rounds, int(OPERATIONS / operations(training)))))
    output = trained.outputs(trained.prepared(sample).features).double().cpu()
    if trained.classes is None:
        assert trained.target is not None
        predicted = trained.target.revert(trained.loss.predicted(output))
    else:
        predicted = trained.loss.scores(output).argmax(-1)
    rows = predicted.shape[: len(trained.rounds) + 1]
    true = sample.target.expand(predicted.shape)
    weight = torch.ones(rows, dtype=torch.float64) if sample.weight is None else sample.weight.double().expand(rows)
    is_there = weight > 0  # and does not fill up a round that has fewer
    return Rows(part, _total(examples, rounds), true[is_there], predicted[is_there], weight[is_there])


def _total(examples: Examples | MappedExamples, rounds: int) -> int:
    counts = examples.counts if isinstance(examples, Examples) else None
    return sum(counts) if counts else rounds * examples.rows


def points(examples: Examples | MappedExamples, most: int) -> tuple[Examples, int]:
    """Rows of all rounds together, as those of one, so many at most; and how many there are in all."""
    if isinstance(examples, Examples):
        rounds = math.prod(examples.features.shape[:-2])
    else:
        rounds = len(examples.seeds) if examples.seeds else 1
    sample = some(examples, max(1, most // rounds))
    is_there = torch.ones(sample.target.shape[: sample.features.dim() - 1], dtype=torch.bool)
    if sample.weight is not None:
        is_there = sample.weight > 0
    is_there &= sample.features.isfinite().all(-1)
    return Examples(sample.features[is_there], sample.target[is_there]), _total(examples, rounds)
