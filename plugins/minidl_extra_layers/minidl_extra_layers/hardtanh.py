"""The hard tanh."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module, saved


class Hardtanh(Module):
    """y = x, but min_val where x is less, and max_val where x is greater.

    dy/dx = 1 between the two, else 0 (at both of them too).

    Convention: `torch.nn.Hardtanh`; `hardtanh(0,6)` is its `ReLU6`.

    Args:
        min_val, max_val: the least and the greatest y, the first less than the second.

    Shapes: x and y have any shape. Raises ArgumentError where min_val is not less than max_val. Source: Collobert 2004,
    Large scale machine learning, PhD thesis, Université de Paris VI.
    """

    x: Tensor = saved()

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        require("min_val", min_val, min_val < max_val, f"less than max_val, {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.clamp(self.min_val, self.max_val)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x > self.min_val) * (self.x < self.max_val)
