"""Dropout."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module, saved


class Dropout(Module):
    """y = m x / (1 - p), of masks m that are 0 with probability p and else 1; in evaluation y = x.

    dx = m dy / (1 - p), with the same m; in evaluation dx = dy.

    Each number of each row has a mask of its own, drawn anew at each step, and in each round for itself. The mean of y
    is x ("inverted" dropout).

    Convention: `torch.nn.Dropout`, without its p = 1.

    Args:
        p: the probability, 0 or greater and less than 1.

    Shapes: x and y have any shape. Raises ArgumentError for a p that is out of range. Source: Srivastava, Hinton,
    Krizhevsky, Sutskever and Salakhutdinov 2014, Dropout: a simple way to prevent neural networks from overfitting,
    JMLR 15, p. 1929-1958.
    """

    mask: Tensor | None = saved()

    def __init__(self, p: float = 0.5) -> None:
        require("p", p, 0 <= p < 1, "0 or greater and less than 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        self.mask = torch.rand_like(x) >= self.p if self.training else None
        return self.masked(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.masked(dy)

    def masked(self, x: Tensor) -> Tensor:
        """What is left of numbers, scaled, by the mask of the last forward."""
        return x if self.mask is None else x * self.mask / (1 - self.p)
