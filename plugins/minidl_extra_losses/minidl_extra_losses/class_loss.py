"""What the losses have in common that compare outputs with labels, not with one-hot targets."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.losses import Loss
from minidl_core.spec.component import spec_name


class ClassLoss(Loss):
    """A loss of models with an output for each class, that takes labels as they are.

    `encode` checks the labels, once; `forward` does not look at their values again, so that a step never has to wait
    for them.
    """

    is_of_classes: ClassVar[bool] = True

    def encode(self, labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """The labels unchanged. Raises ShapeError for a label that has no output, and for a model with one output."""
        self.require_classes(outputs)
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
