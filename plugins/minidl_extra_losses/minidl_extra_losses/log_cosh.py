"""The log-cosh loss."""

from __future__ import annotations

from torch import Tensor

from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved


class LogCosh(ElementwiseLoss):
    """log cosh e, of e = y - t; its mean over batch and features.

    d/dy = tanh e.

    Computed as |e| + log(1 + (exp(-2|e|) - 1) / 2), which is |e| + log(1 + exp(-2|e|)) - log 2 without the loss of
    digits near zero, and never overflows.

    Convention: natural logarithm, no factor; about e²/2 near zero and |e| - log 2 beyond. PyTorch has no class for it.

    Shapes: outputs `[*rounds, N, F]`; targets the same, or labels `[*rounds, N]`, which are one-hot encoded. Raises
    ShapeError for others.

    Source: Saleh and Saleh 2022, Statistical properties of the log-cosh loss function used in machine learning,
    arXiv:2208.04564.
    """

    error: Tensor = saved()

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.error = y - t
        distance = self.error.abs()
        return distance + ((-2 * distance).expm1() / 2).log1p()

    def derivative(self) -> Tensor:
        return self.error.tanh()
