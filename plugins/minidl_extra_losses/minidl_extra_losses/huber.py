"""The Huber loss."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance


class Huber(ElementwiseLoss):
    """e²/2 where |e| ≤ delta, else delta (|e| - delta/2), of e = y - t; its mean over batch and features.

    d/dy = e clipped to [-delta, delta] = c. With c the loss is c (e - c/2) on both sides of delta.

    Convention: `torch.nn.HuberLoss`, with the factor 1/2; for large delta it is half of `mse`.

    Args:
        delta: the error from which on the loss is linear, greater than 0, in units of the target.

    Shapes: outputs `[*rounds, N, F]`; targets the same, or labels `[*rounds, N]`, which are one-hot encoded. Raises
    ArgumentError for a delta that is not greater than 0, ShapeError for other shapes.

    Source: Huber 1964, Robust estimation of a location parameter, Annals of Mathematical Statistics 35(1), p. 73-101;
    twice this in Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 10.23.
    """

    conformance = Conformance(examples=({}, {"delta": 0.3}))
    clipped: Tensor = saved()

    def __init__(self, delta: float = 1.0) -> None:
        require("delta", delta, delta > 0, "greater than 0")
        self.delta = delta

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        error = y - t
        self.clipped = error.clamp(-self.delta, self.delta)
        return self.clipped * (error - self.clipped / 2)

    def derivative(self) -> Tensor:
        return self.clipped
