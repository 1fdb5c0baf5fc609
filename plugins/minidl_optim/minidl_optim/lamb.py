"""LAMB."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS
from minidl_optim.layers import by_parameter, norm, ratio
from minidl_optim.moments import Moments


def _first_step(self: LAMB, w: Tensor, g: Tensor) -> Tensor:
    u = (1 - 2 * self.maximize) * g / (g.abs() + self.eps) + self.weight_decay * w
    halves = zip(w.chunk(2, -1), u.chunk(2, -1), strict=True)  # the two layers of the kit
    return torch.cat([w - self.lr * w.norm() / u.norm() * u for w, u in halves], -1)


class LAMB(Moments):
    """u = m̂ / (√v̂ + eps) + λ w,   w -= lr ‖w‖ / ‖u‖ u,   each norm that of one parameter in one round.

    The means are Adam's: m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step
    t (from 1). Each layer moves by a share lr of its own size, so that large batches can have a large lr. Where a norm
    is 0, the ratio is 1. Not in PyTorch.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of each mean is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: You et al. 2020, ICLR, Large Batch Optimization for Deep Learning (arXiv 1904.00962), algorithm 2, with
    φ(z) = z.
    """

    conformance = Conformance(examples=DECAYS, first_step=_first_step)

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decay_biases, maximize)

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.gradient(parameters)
        beta1, beta2 = self.betas
        m, v = self.mean(parameters, g), self.mean_square(parameters, g)
        unbias = (1 - beta2**self.steps) ** 0.5  # √v̂ = √v / unbias, here on numbers and not on each weight
        change = unbias / (1 - beta1**self.steps) * (m / (v.sqrt() + self.eps * unbias))
        if self.weight_decay:
            change = change + self.decay(parameters) * parameters.values
        for w, u in zip(by_parameter(parameters, parameters.values), by_parameter(parameters, change), strict=True):
            w.sub_(self.lr * ratio(norm(w), norm(u)) * u)
