"""The base classes of all metrics."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.spec.component import Component

Takes = Literal["scores", "probabilities", "values"]
"""What a metric compares with the targets."""

_SHAPES: dict[Takes, str] = {
    "scores": "scores [*rounds, N, K] of at least 2 classes and integer labels [*rounds, N]",
    "probabilities": "probabilities [*rounds, N, K] of at least 2 classes and integer labels [*rounds, N]",
    "values": "predicted and true values, both [*rounds, N, T]",
}


class Rows(NamedTuple):
    """Predictions and their targets, in the shapes and types that a metric computes with."""

    predicted: Tensor
    """`[*rounds, N, K]` or `[*rounds, N, T]`, float64."""
    target: Tensor
    """Labels `[*rounds, N]`, int64, or values `[*rounds, N, T]`, float64."""
    weight: Tensor
    """`[*rounds, N]`, float64."""


class Metric(Component):
    """Compares predictions with targets, and gives one number a round, `[*rounds]`, in float64.

    `takes` says what it is given. "scores": any numbers `[*rounds, N, K]`, of which the greatest is that of the
    predicted class, the first of equals; targets are integer labels `[*rounds, N]`. "probabilities": the same with rows
    that sum to 1. "values": predictions and targets `[*rounds, N, T]`, in units of the target's column. Nothing is ever
    broadcast: other shapes are a ShapeError that says both.
    """

    kind: ClassVar[str] = "metric"

    takes: ClassVar[Takes]

    is_matrix: ClassVar[bool] = False
    """Whether it gives a matrix a round, `[*rounds, K, K]`: a row for each true class, a column for each predicted."""

    @abstractmethod
    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The metric of each round; a row of weight 2 counts as the row twice, one of weight 0 as none.

        Args:
            sample_weight: `[*rounds, N]`; None takes 1 for each row.
        """

    def rows(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Rows:
        """The same checked, in float64; what rows of weight 0 hold, NaN perhaps, is 0 there and never matters.

        Raises ShapeError for other shapes, and for labels that are not from 0 to K - 1.
        """
        are_labels = self.takes != "values"
        fits = predicted.dim() >= 2 and target.shape == (predicted.shape[:-1] if are_labels else predicted.shape)
        if not fits or (are_labels and (target.is_floating_point() or predicted.shape[-1] < 2)):
            dtype = f" of {str(target.dtype).removeprefix('torch.')}" if fits and are_labels else ""
            raise ShapeError(
                f"{self} takes {_SHAPES[self.takes]}; got {list(predicted.shape)} and {list(target.shape)}{dtype}"
            )
        predicted, target = predicted.double(), target.long() if are_labels else target.double()
        if sample_weight is None:
            weight = torch.ones_like(predicted[..., 0])
        elif sample_weight.shape != predicted.shape[:-1]:
            raise ShapeError(
                f"sample_weight {list(sample_weight.shape)} must have one weight a row, {list(predicted.shape[:-1])}"
            )
        else:
            weight = sample_weight.to(predicted)
            absent = weight == 0
            predicted = predicted.masked_fill(absent.unsqueeze(-1), 0)
            target = target.masked_fill(absent if are_labels else absent.unsqueeze(-1), 0)
        if are_labels and target.numel():
            low, high = (int(extreme) for extreme in target.aminmax())
            if low < 0 or high >= predicted.shape[-1]:
                raise ShapeError(
                    f"labels from {low} to {high}: predictions {list(predicted.shape)} are of the classes 0 to "
                    f"{predicted.shape[-1] - 1}"
                )
        return Rows(predicted, target, weight)


class SummedMetric(Metric):
    """A metric that is made of sums over rows, so that rows may come in pieces, from a table larger than memory.

    A subclass gives the sums of some rows, `sums`, and the metric of all of them, `value`.
    """

    @abstractmethod
    def sums(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> tuple[Tensor, ...]:
        """What some rows add, each `[*rounds, ...]`."""

    @abstractmethod
    def value(self, sums: tuple[Tensor, ...]) -> Tensor:
        """The metric of the rows that these are the sums of."""

    def joined(self, one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The sums of the rows of both."""
        return tuple(mine + others for mine, others in zip(one, other, strict=True))

    def __call__(self, predicted: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return self.value(self.sums(predicted, target, sample_weight))
