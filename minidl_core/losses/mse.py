"""The mean squared error."""

from __future__ import annotations

from torch import Tensor

from minidl_core.losses.loss import ElementwiseLoss
from minidl_core.nn.saved import saved


class MSE(ElementwiseLoss):
    """(y - t)², its mean over batch and features (without a factor of 1/2, as `torch.nn.MSELoss`).

    d/dy = 2 (y - t). Source: Bishop, Pattern Recognition and Machine Learning (2006), section 1.5.5.
    """

    error: Tensor = saved()

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.error = y - t
        return self.error**2

    def derivative(self) -> Tensor:
        return 2 * self.error
