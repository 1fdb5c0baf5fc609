"""Metrics that are a mean over rows."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from minidl_core.metrics.metric import SummedMetric

EPSILON = torch.finfo(torch.float64).eps


class RowMean(SummedMetric):
    """The weighted mean, Σ w v / Σ w, of a number v of each row, which a subclass gives. NaN where no row counts."""

    @abstractmethod
    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The number of each row, `[*rounds, N]`, of predictions and targets as `rows` gives them."""

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        rows = self.rows(predicted, target, sample_weight)
        return (rows.weight * self.of_rows(rows.predicted, rows.target)).sum(-1), rows.weight.sum(-1)

    def value(self, sums: tuple[Tensor, ...]) -> Tensor:
        total, weight = sums
        return total / weight


class Accuracy(RowMean):
    """The share of rows whose class is predicted rightly, Σ w [argmax_c s_c = l] / Σ w.

    Shapes: scores `[*rounds, N, K]`, labels `[*rounds, N]`; gives `[*rounds]`. The first of equal scores is predicted.
    Raises ShapeError for others, and for labels that no score is of.

    Source: Fawcett 2006, An introduction to ROC analysis, Pattern Recognition Letters 27(8), p. 862.
    """

    takes = "scores"

    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (predicted.argmax(-1) == target).double()


class LogLoss(RowMean):
    """The mean cross entropy of the classes, -Σ w log p_l / Σ w, of the probability p_l of each row's own class.

    Probabilities are clipped to [ε, 1 - ε], ε = 2⁻⁵² that of float64, as scikit-learn does: one of 0 costs 36.04.

    Shapes: probabilities `[*rounds, N, K]`, rows that sum to 1, labels `[*rounds, N]`; gives `[*rounds]`. Raises
    ShapeError for others, and for labels that no probability is of.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), p. 209, eq. 4.108.
    """

    takes = "probabilities"

    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        own = predicted.gather(-1, target.unsqueeze(-1)).squeeze(-1)
        return -own.clamp(EPSILON, 1 - EPSILON).log()


class MeanSquaredError(RowMean):
    """The mean squared error, Σ w (t - y)² / Σ w; the mean over the targets where there are several.

    It is in the square of the unit of the target's column, whatever a loss of that name was computed in.

    Shapes: predictions y and targets t, both `[*rounds, N, T]`; gives `[*rounds]`. Raises ShapeError for others.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 1.5.5, p. 46.
    """

    takes = "values"

    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        return ((target - predicted) ** 2).mean(-1)


class MeanAbsoluteError(RowMean):
    """The mean absolute error, Σ w |t - y| / Σ w; the mean over the targets where there are several.

    It is in the unit of the target's column, whatever a loss of that name was computed in.

    Shapes: predictions y and targets t, both `[*rounds, N, T]`; gives `[*rounds]`. Raises ShapeError for others.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), section 1.5.5, p. 48.
    """

    takes = "values"

    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        return (target - predicted).abs().mean(-1)
