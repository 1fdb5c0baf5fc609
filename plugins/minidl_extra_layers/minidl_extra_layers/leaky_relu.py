"""The leaky ReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn import Module, saved
from minidl_core.spec import Conformance


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope · x.

    dy/dx = 1 where x > 0, else negative_slope (at 0 too).

    Convention: `torch.nn.LeakyReLU`.

    Args:
        negative_slope: the slope below 0, any number.

    Shapes: x and y have any shape. Source: Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network
    acoustic models, ICML workshop on deep learning for audio, speech and language processing.
    """

    conformance = Conformance(unbounded=("negative_slope",))
    x: Tensor = saved()

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, self.negative_slope * x)

    def backward(self, dy: Tensor) -> Tensor:
        return torch.where(self.x > 0, dy, self.negative_slope * dy)
