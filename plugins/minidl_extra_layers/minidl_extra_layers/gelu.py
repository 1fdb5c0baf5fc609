"""The Gaussian error linear unit."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from minidl_core.nn import Module, saved
from minidl_core.spec import Conformance


class GELU(Module):
    """y = x Φ(x), with the normal distribution function Φ(x) = erfc(-x/√2) / 2 and its density φ(x) = e^(-x²/2) / √2π.

    dy/dx = Φ(x) + x φ(x).

    With `approximate=tanh` Φ(x) is (1 + tanh u) / 2 = σ(2u), of u = √(2/π) (x + 0.044715 x³) and σ(z) = 1 / (1 + e⁻ᶻ);
    then φ(x) is σ(2u) (1 - σ(2u)) · 2u', with u' = √(2/π) (1 + 3 · 0.044715 x²).

    Convention: `torch.nn.GELU`, with `none` in the place of the text 'none'.

    Args:
        approximate: `tanh` for the approximation, none for the exact Φ.

    Shapes: x and y have any shape. Source: Hendrycks and Gimpel 2016, Gaussian error linear units (GELUs),
    arXiv:1606.08415, section 2.
    """

    conformance = Conformance(examples=({}, {"approximate": "tanh"}))
    x: Tensor = saved()
    distribution: Tensor = saved()

    def __init__(self, approximate: Literal["tanh"] | None = None) -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        # Neither 1 + erf nor 1 + tanh, which have no digits left far below 0, where Φ is small.
        if self.approximate is None:
            self.distribution = (x / -math.sqrt(2)).erfc() / 2
        else:
            u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
            self.distribution = ((-2 * u).exp() + 1).reciprocal()
        return x * self.distribution

    def backward(self, dy: Tensor) -> Tensor:
        if self.approximate is None:
            density = (self.x**2 / -2).exp() / math.sqrt(2 * math.pi)
        else:
            slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * self.x**2)
            density = self.distribution * (1 - self.distribution) * 2 * slope
        return dy * (self.distribution + self.x * density)
