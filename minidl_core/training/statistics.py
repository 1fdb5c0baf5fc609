"""A figure over rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Statistics:
    """A metric's value in each round."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Tensor | Sequence[float]) -> Statistics:
        """From a tensor `[*rounds]`, or from numbers."""
        return cls(tuple(values.reshape(-1).tolist() if isinstance(values, Tensor) else values))

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values) if self._finite else sum(self.values) / len(self.values)

    @property
    def std(self) -> float | None:
        """The sample standard deviation (n - 1); None for one round, which has none; NaN where one is not finite."""
        if len(self.values) < 2:
            return None
        return statistics.stdev(self.values) if self._finite else math.nan

    @property
    def _finite(self) -> bool:
        # The standard library's functions raise for some values that are not.
        return all(map(math.isfinite, self.values))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if self.std is None else f"{self.mean:.3f} ± {self.std:.3f}"

    def to_json(self) -> dict[str, object]:
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}


@dataclass(frozen=True)
class MatrixStatistics:
    """A matrix's value in each round, as the statistics of each of its cells."""

    cells: tuple[tuple[Statistics, ...], ...]

    @classmethod
    def of(cls, values: Tensor) -> MatrixStatistics:
        """From a tensor `[*rounds, rows, columns]`."""
        matrix = values.reshape(-1, *values.shape[-2:]).permute(1, 2, 0).tolist()
        return cls(tuple(tuple(Statistics(tuple(cell)) for cell in row) for row in matrix))

    @property
    def mean(self) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(cell.mean for cell in row) for row in self.cells)

    @property
    def std(self) -> tuple[tuple[float, ...], ...] | None:
        """Of each cell, as of a number; None for one round."""
        found = tuple(tuple(cell.std for cell in row if cell.std is not None) for row in self.cells)
        return found if any(found) else None

    @property
    def values(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """The matrix of each round."""
        rounds = range(len(self.cells[0][0].values))
        return tuple(tuple(tuple(cell.values[r] for cell in row) for row in self.cells) for r in rounds)

    def to_json(self) -> dict[str, object]:
        return {"mean": self.mean, "std": self.std, "values": self.values}


Figure = Statistics | MatrixStatistics
"""What a metric gave."""
