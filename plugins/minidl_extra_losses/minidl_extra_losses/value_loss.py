"""What the losses have in common that compare outputs with values alone, not with classes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from minidl_core.errors import DataError, ShapeError
from minidl_core.losses import Loss, is_labels, row_share
from minidl_core.nn.saved import saved
from minidl_core.spec.component import spec_name


class ValueLoss(Loss):
    """The mean, over batch and targets, of a function of the outputs that belong to each target value t.

    A subclass gives the function, `value`, and its derivative with respect to the outputs, `derivative`. Classes are
    refused: a label is the number of a class, and not an amount.
    """

    share: Tensor | float = saved()

    @abstractmethod
    def value(self, y: Tensor, t: Tensor) -> Tensor:
        """The loss of each target, `[*, N, T]`, of outputs `[*, N, outputs_for(T)]`; keeps what `derivative` needs."""

    @abstractmethod
    def derivative(self) -> Tensor:
        """The derivative of it with respect to the outputs, of their shape."""

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if is_labels(output, target):
            target = self.encode(target, output.shape[-1], output.dtype)
        targets = target.shape[-1] if target.dim() else 0
        if output.dim() < 2 or output.shape != (*target.shape[:-1], self.outputs_for(targets)):
            raise ShapeError(
                f"output {list(output.shape)} and target {list(target.shape)} must be "
                f"[*rounds, batch, {_times(self.outputs_for(1))}targets] and [*rounds, batch, targets]"
            )
        self.share = row_share(output, sample_weight) / targets
        return (self.value(output, target.to(output.dtype)) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return self.derivative() * self.share

    def encode(self, labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Raises ShapeError: there is no value that a class is."""
        raise ShapeError(
            f"{spec_name(type(self))} compares outputs with values, and not with classes; where the target's whole "
            "numbers are amounts, say so with --task regression (task='regression' in Python), else use cross_entropy"
        )


def require_from_zero(loss: Loss, target: Tensor, what: str) -> None:
    """Raise DataError for targets of which one is below 0."""
    if target.numel() and (least := float(target.min())) < 0:
        raise DataError(
            f"the loss {loss} is of {what}, 0 or greater, and a target is {least:g}; correct its row, or take mse"
        )


def _times(factor: int) -> str:
    return "" if factor == 1 else f"{factor} * "
