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
