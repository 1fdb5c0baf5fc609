"""Examples with names."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Table:
    """Rows of numeric features, each with a class or a number to predict."""

    features: Tensor
    """`[N, F]`, float64."""
    target: Tensor
    """`[N]`, the number of each row's class, int64; or `[N, 1]`, the value, float64."""
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None
    """The names of the classes, by their numbers; None where the target is a value."""

    def __len__(self) -> int:
        return len(self.features)
