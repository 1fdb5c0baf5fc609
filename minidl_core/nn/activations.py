"""Elementwise non-linearities. x and y have any shape; dx = dy · dy/dx."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn.module import Module
from minidl_core.nn.saved import saved


class ReLU(Module):
    """y = max(x, 0).

    dy/dx = 1 where x > 0, else 0 (at 0 too, as in PyTorch). Source: Nair and Hinton 2010, ICML.
    """

    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.clamp(min=0)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x > 0)


class Tanh(Module):
    """y = tanh x = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).

    dy/dx = 1 - y². Source: LeCun et al. 1998, Efficient BackProp, section 4.4.
    """

    y: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (1 - self.y**2)


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ).

    dy/dx = y (1 - y). Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.59 and 4.88.
    """

    y: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        # Not x.sigmoid(), which rounds the last elements of a tensor otherwise than the rest: in float32 a round among
        # many would drift away from the run of its own.
        self.y = (x.neg().exp() + 1).reciprocal()
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.y * (1 - self.y)
