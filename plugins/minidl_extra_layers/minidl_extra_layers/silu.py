"""The sigmoid linear unit, also called swish."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn import Module, saved


class SiLU(Module):
    """y = x s, with the sigmoid s = 1 / (1 + e⁻ˣ).

    dy/dx = s + x s (1 - s).

    Convention: `torch.nn.SiLU`.

    Shapes: x and y have any shape. Source: Elfwing, Uchibe and Doya 2018, Sigmoid-weighted linear units for neural
    network function approximation in reinforcement learning, Neural Networks 107; Ramachandran, Zoph and Le 2017,
    Searching for activation functions, arXiv:1710.05941, as swish.
    """

    x: Tensor = saved()
    s: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        # Not x.sigmoid(), which rounds the last elements of a tensor otherwise than the rest: see the core's Sigmoid.
        self.s = (x.neg().exp() + 1).reciprocal()
        return x * self.s

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.s * (1 + self.x * (1 - self.s))
