"""The coefficient of determination."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from minidl_core.metrics.metric import SummedMetric


class SquareSums(NamedTuple):
    """What R² is made of."""

    rows: Tensor
    """How many rows weigh something, `[*rounds, 1]`."""
    weight: Tensor
    """W = Σ w, `[*rounds, 1]`."""
    mean: Tensor
    """t̄ = Σ w t / W, `[*rounds, T]`, as all that follow."""
    residual: Tensor
    """Σ w (t - y)²."""
    total: Tensor
    """Σ w (t - t̄)²."""
    low: Tensor
    high: Tensor


class R2(SummedMetric):
    """The coefficient of determination, 1 - Σ w (t - y)² / Σ w (t - t̄)².

    It is the mean over the targets where there are several. For a target that is constant: 1 where it is met exactly,
    else 0. Of fewer than two rows it is NaN.

    Shapes: predictions y and targets t, both `[*rounds, N, T]`; gives `[*rounds]`. Raises ShapeError for others.

    Source: Draper and Smith, Applied Regression Analysis (1998), p. 33. Sums of pieces are joined as in Chan, Golub and
    LeVeque 1983, Algorithms for computing the sample variance, American Statistician 37(3), p. 243, eq. 1.5.
    """

    takes = "values"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        y, t, w = self.rows(predicted, target, sample_weight)
        w = w.unsqueeze(-1)
        counts, weight = w > 0, w.sum(-2)
        mean = (w * t).sum(-2) / _or_one(weight)
        return SquareSums(
            counts.double().sum(-2),
            weight,
            mean,
            (w * (t - y) ** 2).sum(-2),
            (w * (t - mean.unsqueeze(-2)) ** 2).sum(-2),
            t.masked_fill(~counts, torch.inf).amin(-2),
            t.masked_fill(~counts, -torch.inf).amax(-2),
        )

    def joined(self, one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Those of the rows of both; of δ between their means, Σ w (t - t̄)² is both sums and δ² W₁ W₂ / (W₁ + W₂)."""
        a, b = SquareSums(*one), SquareSums(*other)
        weight, difference = a.weight + b.weight, b.mean - a.mean
        share = b.weight / _or_one(weight)
        return SquareSums(
            a.rows + b.rows,
            weight,
            a.mean + difference * share,
            a.residual + b.residual,
            a.total + b.total + difference**2 * (a.weight * share),
            torch.minimum(a.low, b.low),
            torch.maximum(a.high, b.high),
        )

    def value(self, sums: tuple[Tensor, ...]) -> Tensor:
        all_rows = SquareSums(*sums)
        # Not total == 0: the mean of equal numbers is rounded, and may differ from them.
        constant = all_rows.high == all_rows.low
        each = torch.where(constant, (all_rows.residual == 0).double(), 1 - all_rows.residual / all_rows.total)
        return each.masked_fill(all_rows.rows < 2, torch.nan).mean(-1)


def _or_one(weight: Tensor) -> Tensor:
    """A divisor: 1 where there is no weight, and what is divided is 0."""
    return weight.masked_fill(weight == 0, 1)
