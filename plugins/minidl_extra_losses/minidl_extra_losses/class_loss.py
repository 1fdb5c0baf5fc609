"""What the losses have in common that compare outputs with labels, not with one-hot targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.losses import Loss, is_labels
from minidl_core.spec.component import spec_name


class ClassLoss(Loss):
    """A loss of models with an output for each class, that takes labels as they are.

    `encode` checks the labels, once; `forward` does not look at their values again, so that a step never has to wait
    for them.
    """

    is_of_classes: ClassVar[bool] = True
    weight_argument: ClassVar[str] = "weight"
    """The argument, where there is one, that says how much each class counts."""

    def encode(self, labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """The labels unchanged. Raises ShapeError for a label that has no output, for a model with one output, and for
        another number of weights of classes."""
        self.require_classes(outputs)
        self.require_as_many_weights(outputs)
        if labels.numel():
            super().encode(torch.stack(labels.aminmax()), outputs, dtype)  # its check needs the extremes alone
        return labels

    def require_classes(self, outputs: int) -> None:
        """Refuse a model that has no output for each class."""
        if outputs < 2:
            raise ShapeError(
                f"{spec_name(type(self))} needs an output for each class, the model has {outputs}; "
                "for two classes end it in linear(_,2) or use binary_cross_entropy, for numbers use huber"
            )

    def require_as_many_weights(self, outputs: int) -> None:
        """Refuse weights of classes that are not one for each; a single output stands for two classes."""
        weight, classes = self.arguments.get(self.weight_argument), max(outputs, 2)
        if weight is not None and len(weight) != classes:
            raise ShapeError(
                f"{self}: {self.weight_argument} has {len(weight)} numbers, and the model is of {classes} classes; "
                "give one number for each class"
            )

    def labels_of(self, output: Tensor, target: Tensor) -> Tensor:
        """The target, which must be labels, as the place of each row's own output, `[*, N, 1]`."""
        self.require_classes(output.shape[-1])
        if output.dim() < 2 or not is_labels(output, target):
            raise ShapeError(
                f"output {list(output.shape)} and target {list(target.shape)}: the output must be [*rounds, batch, "
                "classes], the target integer labels [*rounds, batch]"
            )
        return target.long().unsqueeze(-1)


def require_class_weights(argument: str, weight: Sequence[float] | None) -> None:
    """Refuse weights of classes that no mean can be weighted with."""
    holds = weight is None or (min(weight, default=-1) >= 0 and max(weight) > 0)
    require(argument, weight, holds, "none, or a number of at least 0 for each class, not all of them 0")
