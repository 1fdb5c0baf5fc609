"""How good predictions are, one number a round."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.spec.component import Component
from minidl_core.spec.conformance import Conformance


class Metric(Component):
    """Compares outputs `[*rounds, N, F]` with targets, and gives one number a round, `[*rounds]`."""

    kind: ClassVar[str] = "metric"

    @abstractmethod
    def __call__(self, output: Tensor, target: Tensor) -> Tensor: ...


class Accuracy(Metric):
    """The share of rows whose class is predicted rightly.

    The predicted class is the greatest of several outputs; with a single one it is 1 above the threshold, else 0.
    Targets are labels `[*rounds, N]`, or one-hot `[*rounds, N, F]`.
    """

    conformance = Conformance(unbounded=("threshold",))

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        if target.shape == output.shape:
            target = predicted_classes(target, 0.5)
        if target.shape != output.shape[:-1]:
            raise ShapeError(
                f"output {list(output.shape)} needs labels {list(output.shape[:-1])} or one-hot targets of its own "
                f"shape, got {list(target.shape)}"
            )
        return (predicted_classes(output, self.threshold) == target).to(torch.float64).mean(-1)


class R2(Metric):
    """The coefficient of determination, 1 - Σ(t - y)² / Σ(t - t̄)²; the mean over the targets where there are several.

    For a target that is constant: 1 where it is met exactly, else 0. Source: Draper and Smith, Applied Regression
    Analysis (1998), p. 33.
    """

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        if target.shape != output.shape:
            raise ShapeError(f"output {list(output.shape)} and target {list(target.shape)} must have the same shape")
        return SquareSums.of(output, target).r2()


@dataclass(frozen=True)
class SquareSums:
    """What R² is made of, each `[*rounds, F]`; where rows come in pieces, that of all is made of the joined sums."""

    rows: int
    residual: Tensor
    """Σ(t - y)²."""
    total: Tensor
    """Σ(t - t̄)²."""
    mean: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, output: Tensor, target: Tensor) -> Self:
        output, target = output.double(), target.double()
        mean = target.mean(-2, keepdim=True)
        residual, total = ((target - output) ** 2).sum(-2), ((target - mean) ** 2).sum(-2)
        return cls(target.shape[-2], residual, total, mean.squeeze(-2), target.amin(-2), target.amax(-2))

    def joined(self, other: Self) -> Self:
        """Those of the rows of both; of δ between their means, Σ(t - t̄)² is both sums and δ² n₁ n₂ / (n₁ + n₂)."""
        rows, difference = self.rows + other.rows, other.mean - self.mean
        return type(self)(
            rows,
            self.residual + other.residual,
            self.total + other.total + difference**2 * (self.rows * other.rows / rows),
            self.mean + difference * (other.rows / rows),
            torch.minimum(self.low, other.low),
            torch.maximum(self.high, other.high),
        )

    def r2(self) -> Tensor:
        """`[*rounds]`."""
        # Not total == 0: the mean of equal numbers is rounded, and may differ from them.
        constant = self.high == self.low
        return torch.where(constant, (self.residual == 0).double(), 1 - self.residual / self.total).mean(-1)


def predicted_classes(output: Tensor, threshold: float) -> Tensor:
    """The class that each row's outputs mean, `[*, N, F] -> [*, N]`."""
    if output.shape[-1] == 1:
        return (output.squeeze(-1) > threshold).long()
    return output.argmax(-1)
