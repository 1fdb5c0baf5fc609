"""The rows of all rounds, as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """The rows of all rounds: features `[*rounds, N, F]` and targets `[*rounds, N]` or `[*rounds, N, T]`.

    Without round axes the rows are the same for every round. A round that has fewer rows than others is filled up with
    copies of its first, which count nothing.
    """

    features: Tensor
    target: Tensor
    weight: Tensor | None = None
    """How much each row counts, `[*rounds, N]`; None for all alike."""
    counts: tuple[int, ...] | None = None
    """How many rows each round has, where they may be unequal; None where all have N."""
    epoch_rows: int | None = None
    """How many rows of each round an epoch takes, so that all take as many steps; None for N."""

    @property
    def rows(self) -> int:
        """How many each round has, or the one that has most."""
        return self.features.shape[-2]

    def pieces(self) -> Iterator[Examples]:
        """All rows, so many at a time that they are in memory together: here they are already."""
        yield self

    def each(self, change: Callable[[Examples], Examples]) -> Examples:
        """The examples that `change` makes of these, whose rows depend on their own alone."""
        return change(self)

    def part(self, start: int, stop: int) -> Examples:
        """Some of each round's rows."""
        rows = (*(slice(None),) * (self.features.dim() - 2), slice(start, stop))
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, features=self.features[rows], target=self.target[rows], weight=weight)

    def spread(self, rows: int) -> Examples:
        """Some of each round's rows, so many at most, evenly spaced."""
        every = slice(None, None, max(1, -(-self.rows // rows)))
        rounds = (slice(None),) * (self.features.dim() - 2)
        weight = None if self.weight is None else self.weight[(*rounds, every)]
        return Examples(self.features[..., every, :], self.target[(*rounds, every)], weight)

    def followed_by(self, other: Examples) -> Examples:
        """These rows, and then the other's."""
        rows = self.features.dim() - 2
        features, target = (
            torch.cat(parts, rows) for parts in ([self.features, other.features], [self.target, other.target])
        )
        weights = [one.weight for one in (self, other) if one.weight is not None]
        return replace(self, features=features, target=target, weight=torch.cat(weights, rows) if weights else None)

    def of_round(self, number: int) -> Examples:
        """The rows that one round has, without round axes."""
        rows = slice(None if self.counts is None else self.counts[number])
        weight = None if self.weight is None else self.weight[number, rows]
        return Examples(self.features[number, rows], self.target[number, rows], weight)
