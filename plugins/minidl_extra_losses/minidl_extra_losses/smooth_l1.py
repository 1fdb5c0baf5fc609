"""The smooth L1 loss."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance


class SmoothL1(ElementwiseLoss):
    """e² / (2 beta) where |e| < beta, else |e| - beta/2, of e = y - t; its mean over batch and features.

    d/dy = e / beta clipped to [-1, 1] = s. With s the loss is s (e - beta s / 2) on both sides of beta.

    Convention: `torch.nn.SmoothL1Loss`, which is `huber(delta=beta)` divided by beta: it always ends in the slope 1. A
    beta of 0 is `mae`, with s = sign(e).

    Args:
        beta: the error from which on the loss is linear, 0 or greater, in units of the target.

    Shapes: outputs `[*rounds, N, F]`; targets the same, or labels `[*rounds, N]`, which are one-hot encoded. Raises
    ArgumentError for a beta below 0, ShapeError for other shapes.

    Source: Girshick 2015, Fast R-CNN, ICCV, eq. 3, where beta is 1.
    """

    conformance = Conformance(examples=({}, {"beta": 0.3}, {"beta": 0.0}))
    slope: Tensor = saved()

    def __init__(self, beta: float = 1.0) -> None:
        require("beta", beta, beta >= 0, "0 or greater")
        self.beta = beta

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        error = y - t
        self.slope = (error / self.beta).clamp(-1, 1) if self.beta else error.sign()
        return self.slope * (error - self.beta * self.slope / 2)

    def derivative(self) -> Tensor:
        return self.slope
