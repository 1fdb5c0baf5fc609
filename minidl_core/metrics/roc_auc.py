"""The area under the receiver operating characteristic."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.metrics.metric import Metric


class RocAuc(Metric):
    """How often a row of a class has a greater probability of it than a row of another, ties counted half.

    AUC = Σ_i Σ_j w_i w_j ([p_i > p_j] + [p_i = p_j] / 2) / (Σ_i w_i Σ_j w_j), over rows i of the class and j of others:
    the area under the curve of true over false positives. With two classes it is that of class 1; with more, the mean
    over the classes, each against the rest, that have rows and leave some.

    Shapes: probabilities `[*rounds, N, K]`, rows that sum to 1, labels `[*rounds, N]`; gives `[*rounds]`, NaN for a
    round with rows of one class alone, and where a probability is NaN. Raises ShapeError for others, and for labels
    that no probability is of.

    Source: Hanley and McNeil 1982, The meaning and use of the area under a receiver operating characteristic (ROC)
    curve, Radiology 143(1), p. 29-36; many classes: Fawcett 2006, Pattern Recognition Letters 27(8), p. 872.
    """

    takes = "probabilities"

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        p, labels, weight = self.rows(predicted, target, sample_weight)
        # Class by class, so that what is sorted is no larger than what is given.
        classes = [1] if p.shape[-1] == 2 else range(p.shape[-1])
        areas = torch.stack([_area(p[..., c], weight * (labels == c), weight * (labels != c)) for c in classes], -1)
        return areas.nanmean(-1).masked_fill(p.isnan().any(-1).any(-1), torch.nan)


def _area(p: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """The area of one class, of what each row weighs as one of it and as one of the rest, all `[*rounds, N]`."""
    order = p.argsort(-1)
    p, positive, negative = (one.gather(-1, order) for one in (p, positive, negative))
    before = torch.cat([torch.zeros_like(negative[..., :1]), negative.cumsum(-1)], -1)  # of the n least rows
    less, less_or_equal = (before.gather(-1, torch.searchsorted(p, p, right=right)) for right in (False, True))
    return (positive * (less + less_or_equal) / 2).sum(-1) / (positive.sum(-1) * negative.sum(-1))
