"""The rows of all rounds, as tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """The rows of all rounds: features `[*rounds, N, F]` and targets `[*rounds, N]` or `[*rounds, N, 1]`.

    Without round axes the rows are the same for every round.
    """

    features: Tensor
    target: Tensor

    @property
    def rows(self) -> int:
        """How many each round has."""
        return self.features.shape[-2]

    def pieces(self) -> Iterator[Examples]:
        """All rows, so many at a time that they are in memory together: here they are already."""
        yield self

    def each(self, change: Callable[[Examples], Examples]) -> Examples:
        """The examples that `change` makes of these, whose rows depend on their own alone."""
        return change(self)

    def part(self, start: int, stop: int) -> Examples:
        """Some of each round's rows."""
        rounds = (slice(None),) * (self.features.dim() - 2)
        return Examples(self.features[..., start:stop, :], self.target[(*rounds, slice(start, stop))])

    def followed_by(self, other: Examples) -> Examples:
        """These rows, and then the other's."""
        rows = self.features.dim() - 2
        return Examples(torch.cat([self.features, other.features], rows), torch.cat([self.target, other.target], rows))
