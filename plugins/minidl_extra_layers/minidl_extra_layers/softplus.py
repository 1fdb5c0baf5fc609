"""The softplus."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module, saved
from minidl_core.spec import Conformance


class Softplus(Module):
    """y = log(1 + e^(beta x)) / beta; x itself where beta x > threshold.

    dy/dx = 1 / (1 + e^(-beta x)); 1 where beta x > threshold.

    Convention: `torch.nn.Softplus`.

    Args:
        beta: how sharp the bend at 0 is, greater than 0.
        threshold: of beta x, from which on y is x, 0 or greater.

    Shapes: x and y have any shape. Raises ArgumentError for an argument that is out of range. Source: Dugas, Bengio,
    Bélisle, Nadeau and Garcia 2001, Incorporating second-order functional knowledge for better option pricing, NIPS 13.
    """

    conformance = Conformance(examples=({}, {"beta": 3.0}, {"beta": 0.5}, {"threshold": 1.0}))
    z: Tensor = saved()

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        require("beta", beta, beta > 0, "greater than 0")
        require("threshold", threshold, threshold >= 0, "0 or greater")
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Tensor) -> Tensor:
        self.z = self.beta * x
        # log(1 + eᶻ) = max(z, 0) + log(1 + e^-|z|), of which nothing overflows.
        y = (self.z.clamp(min=0) + self.z.abs().neg().exp().log1p()) / self.beta
        return torch.where(self.z > self.threshold, x, y)

    def backward(self, dy: Tensor) -> Tensor:
        sigmoid = (self.z.neg().exp() + 1).reciprocal()
        return torch.where(self.z > self.threshold, dy, dy * sigmoid)
