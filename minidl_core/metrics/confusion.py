"""Metrics of predicted classes that are made of the confusion matrix."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.metrics.metric import SummedMetric
from minidl_core.spec.conformance import Conformance


class ConfusionMetric(SummedMetric):
    """A metric of the confusion matrix C alone, which a subclass makes: C_tp is what rows of class t taken for p weigh.

    Of scores `[*rounds, N, K]` the greatest is that of the predicted class, the first of equals.
    """

    takes = "scores"

    @abstractmethod
    def of_confusion(self, confusion: Tensor) -> Tensor:
        """The metric of a confusion matrix `[*rounds, K, K]`."""

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        rows = self.rows(predicted, target, sample_weight)
        *rounds, _, classes = predicted.shape
        cells = torch.zeros(*rounds, classes**2, dtype=torch.float64, device=predicted.device)
        cells = cells.scatter_add(-1, rows.target * classes + rows.predicted.argmax(-1), rows.weight)
        return (cells.view(*rounds, classes, classes),)

    def value(self, sums: tuple[Tensor, ...]) -> Tensor:
        [confusion] = sums
        return self.of_confusion(confusion)


class ConfusionMatrix(ConfusionMetric):
    """How much the rows of each true class t and each predicted class p weigh, C_tp = Σ w [l = t, argmax s = p].

    Shapes: scores `[*rounds, N, K]`, labels `[*rounds, N]`; gives `[*rounds, K, K]`, rows true and columns predicted
    classes. Raises ShapeError for others, and for labels that no score is of.

    Source: Fawcett 2006, An introduction to ROC analysis, Pattern Recognition Letters 27(8), p. 862, whose matrix has
    the predicted classes in its rows.
    """

    is_matrix = True

    def of_confusion(self, confusion: Tensor) -> Tensor:
        return confusion


class BalancedAccuracy(ConfusionMetric):
    """The mean recall of the classes, 1/K Σ_c C_cc / Σ_p C_cp, over those that the targets have.

    Shapes: scores `[*rounds, N, K]`, labels `[*rounds, N]`; gives `[*rounds]`. Raises ShapeError for others, and for
    labels that no score is of.

    Source: Brodersen et al. 2010, The balanced accuracy and its posterior distribution, ICPR, p. 3121-3124.
    """

    def of_confusion(self, confusion: Tensor) -> Tensor:
        recall = confusion.diagonal(dim1=-2, dim2=-1) / confusion.sum(-1)
        return recall.nanmean(-1)  # a class that is absent has 0 / 0


class F1(ConfusionMetric):
    """The harmonic mean of a class's precision and recall, F_c = 2 C_cc / (Σ_p C_cp + Σ_t C_tc), averaged over classes.

    A class that is predicted, or true, but never both has 0.

    Args:
        average: `macro`, the mean over the classes that targets or predictions have; `weighted`, the mean weighted by
            the rows of each class; `micro`, of all classes' counts together, which is the accuracy; `binary`, that of
            class 1 of two.

    Shapes: scores `[*rounds, N, K]`, labels `[*rounds, N]`; gives `[*rounds]`. Raises ShapeError for others, for labels
    that no score is of, and in `binary` for more than two classes.

    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), p. 156; averages p. 280.
    """

    conformance = Conformance(examples=({}, {"average": "weighted"}, {"average": "micro"}, {"average": "binary"}))

    def __init__(self, average: Literal["macro", "weighted", "micro", "binary"] = "macro") -> None:
        self.average = average

    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        if self.average == "binary" and predicted.shape[-1] != 2:
            raise ShapeError(
                f"{self} is of two classes, and scores {list(predicted.shape)} are of {predicted.shape[-1]}; take the "
                "average macro, weighted or micro"
            )
        return super().sums(predicted, target, sample_weight)

    def of_confusion(self, confusion: Tensor) -> Tensor:
        right, true = confusion.diagonal(dim1=-2, dim2=-1), confusion.sum(-1)  # [*rounds, K]
        if self.average == "micro":
            return right.sum(-1) / true.sum(-1)
        both = true + confusion.sum(-2)
        each = 2 * right / both.masked_fill(both == 0, 1)
        if self.average == "binary":
            return each[..., 1]
        share = (both > 0).double() if self.average == "macro" else true
        return (share * each).sum(-1) / share.sum(-1)
