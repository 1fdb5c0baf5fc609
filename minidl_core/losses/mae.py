"""The mean absolute error."""

from __future__ import annotations

from torch import Tensor

from minidl_core.losses.loss import ElementwiseLoss
from minidl_core.nn.saved import saved


class MAE(ElementwiseLoss):
    """|y - t|, its mean over batch and features (as `torch.nn.L1Loss`).

    d/dy = sign(y - t), 0 where they are equal. Source: Bishop, Pattern Recognition and Machine Learning (2006), section
    1.5.5.
    """

    error: Tensor = saved()

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.error = y - t
        return self.error.abs()

    def derivative(self) -> Tensor:
        return self.error.sign()
