"""Metrics that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.metrics import R2, Accuracy, MeanAbsoluteError, MeanSquaredError, Metric, RocAuc

Sums = tuple[Tensor, ...]


class OneNumberForAllRounds(Accuracy):
    """The mean over rounds."""

    rejected_by = "it gives one finite number a round"

    def value(self, sums: Sums) -> Tensor:
        return super().value(sums).mean()


class DividesByZero(R2):
    """Divides by a sum that is 0."""

    rejected_by = "it gives one finite number a round"

    def value(self, sums: Sums) -> Tensor:
        return super().value(sums) / 0.0


class RoundsTogether(Accuracy):
    """Each round's, in the sum of the weights of all."""

    rejected_by = "it gives one finite number a round"

    def value(self, sums: Sums) -> Tensor:
        return sums[0] / sums[1].sum() * sums[1].numel() ** 0.5


class Rounded(MeanSquaredError):
    """In the precision of the day."""

    rejected_by = "it gives one finite number a round"

    def value(self, sums: Sums) -> Tensor:
        return super().value(sums).float()


class NoMatrix(Accuracy):
    """A number, where it says that it gives a matrix."""

    rejected_by = "it gives one finite number a round"
    is_matrix = True


class SaysNotWhatItTakes(Metric):
    """Of scores, of probabilities, or of values?"""

    rejected_by = "it gives one finite number a round"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return predicted.double().mean((-1, -2))


class OrderMatters(MeanSquaredError):
    """The product of each row's error with the next's."""

    rejected_by = "the order of rows does not matter"

    def of_rows(self, predicted: Tensor, target: Tensor) -> Tensor:
        error = (predicted - target).mean(-1)
        return error * error.roll(1, -1)


class SortsPredictions(MeanSquaredError):
    """The median's distance, found by sorting the caller's tensor."""

    rejected_by = "the order of rows does not matter"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        found = super().__call__(predicted, target, sample_weight)
        predicted.copy_(predicted.sort(-2).values)
        return found


class TiesByPlace(RocAuc):
    """Of rows with the same probability, the first is the less probable."""

    rejected_by = "the order of rows does not matter"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        p, labels, weight = self.rows(predicted, target, sample_weight)
        order = p[..., 1].argsort(dim=-1, stable=True)
        positive = (weight * (labels == 1)).gather(-1, order)
        negative = (weight * (labels != 1)).gather(-1, order)
        pairs = (positive * negative.cumsum(-1)).sum(-1)
        return pairs / (positive.sum(-1) * negative.sum(-1))


class TakesAnyTarget(MeanAbsoluteError):
    """Compares with whatever can be laid over the predictions."""

    rejected_by = "shapes that differ are refused"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if target.dim() < predicted.dim() or target.shape[-2] != predicted.shape[-2]:
            target = target.reshape(-1)[0].expand(predicted.shape)
        return super().__call__(predicted, target.expand(predicted.shape), sample_weight)


class BroadcastsWeights(MeanAbsoluteError):
    """Takes one weight for all rows."""

    rejected_by = "shapes that differ are refused"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None and sample_weight.numel() == 1:
            sample_weight = sample_weight.expand(predicted.shape[:-1])
        return super().__call__(predicted, target, sample_weight)


class IgnoresWeights(MeanSquaredError):
    """The plain mean."""

    rejected_by = "a sample weight of k is the row k times"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Sums:
        self.rows(predicted, target, sample_weight)
        return super().sums(predicted, target)


class WeighsAsSquares(Accuracy):
    """Takes weights for deviations."""

    rejected_by = "a sample weight of k is the row k times"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Sums:
        return super().sums(predicted, target, None if sample_weight is None else sample_weight**2)


class CountsAbsentRows(MeanSquaredError):
    """A row of weight 0 adds to the number of rows."""

    rejected_by = "a row of weight 0 is none"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Sums:
        total, weight = super().sums(predicted, target, sample_weight)
        return total, weight if sample_weight is None else weight + (sample_weight == 0).sum(-1)


class TimesNaN(MeanSquaredError):
    """Multiplies what is in rows of weight 0 with that."""

    rejected_by = "a row of weight 0 is none"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Sums:
        weight = self.rows(predicted, target, sample_weight).weight
        return (weight * ((predicted - target) ** 2).mean(-1)).sum(-1), weight.sum(-1)


class MeansOfMeans(MeanSquaredError):
    """Joins the means of pieces as if these were of one size."""

    rejected_by = "sums of pieces are joined to those of all rows"

    def joined(self, one: Sums, other: Sums) -> Sums:
        means = [self.value(sums) for sums in (one, other)]
        weight = one[1] + other[1]
        return (means[0] + means[1]) / 2 * weight, weight


class WithoutTheMeansDifference(R2):
    """Adds the squares of pieces, each about its own mean."""

    rejected_by = "sums of pieces are joined to those of all rows"

    def joined(self, one: Sums, other: Sums) -> Sums:
        rows, weight, mean, residual, _, low, high = super().joined(one, other)
        return rows, weight, mean, residual, one[4] + other[4], low, high


class DividesByNoWeight(MeanSquaredError):
    """Keeps means, and a piece that weighs nothing has none."""

    rejected_by = "sums of pieces are joined to those of all rows"

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Sums:
        total, weight = super().sums(predicted, target, sample_weight)
        return total / weight, weight

    def joined(self, one: Sums, other: Sums) -> Sums:
        weight = one[1] + other[1]
        return (one[0] * one[1] + other[0] * other[1]) / weight, weight

    def value(self, sums: Sums) -> Tensor:
        return sums[0]


class SumsOfAllRounds(Accuracy):
    """Joins without regard to rounds."""

    rejected_by = "sums of pieces are joined to those of all rows"

    def joined(self, one: Sums, other: Sums) -> Sums:
        return tuple(torch.zeros_like(mine) + (mine + others).mean(0) for mine, others in zip(one, other, strict=True))
