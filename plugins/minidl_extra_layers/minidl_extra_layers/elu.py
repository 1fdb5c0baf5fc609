"""The exponential linear unit."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module, saved


class ELU(Module):
    """y = x where x > 0, else alpha (eˣ - 1).

    dy/dx = 1 where x > 0, else alpha eˣ (at 0 too).

    Convention: `torch.nn.ELU`.

    Args:
        alpha: -alpha is what y comes near to far below 0, greater than 0.

    Shapes: x and y have any shape. Raises ArgumentError for an alpha that is not greater than 0. Source: Clevert,
    Unterthiner and Hochreiter 2016, Fast and accurate deep network learning by exponential linear units (ELUs), ICLR,
    section 3.
    """

    x: Tensor = saved()

    def __init__(self, alpha: float = 1.0) -> None:
        require("alpha", alpha, alpha > 0, "greater than 0")
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        # expm1, since eˣ - 1 has few digits near 0; and x clamped, so that nothing overflows where it is not taken.
        return x.clamp(min=0) + self.alpha * x.clamp(max=0).expm1()

    def backward(self, dy: Tensor) -> Tensor:
        return torch.where(self.x > 0, dy, dy * self.alpha * self.x.clamp(max=0).exp())
