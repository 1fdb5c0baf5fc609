"""Lion."""

from __future__ import annotations

import torch

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent
from minidl_optim.moments import require_betas


class Lion(Descent):
    """w -= lr (sign(β₁ m + (1 - β₁) g) + λ w),   m = β₂ m + (1 - β₂) g.

    Each weight moves by lr, whatever the size of its gradient; lr is therefore smaller than that of Adam, by three to
    ten times, and λ greater by as much. Not in PyTorch.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁, how much of the mean is in a step, and β₂, how much of it is kept; each 0 or greater and less than 1.
        weight_decay: λ, 0 or greater; no part of the gradient.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Chen et al. 2023, NeurIPS, Symbolic Discovery of Optimization Algorithms (arXiv 2302.06675), algorithm 2.
    """

    conformance = Conformance(
        examples=DECAYS,
        first_step=lambda self, w, g: (
            w * (1 - self.lr * self.weight_decay) - self.lr * (1 - 2 * self.maximize) * g.sign()
        ),
    )

    def __init__(
        self,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require_betas(betas)
        self.betas = betas

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.gradient(parameters)
        beta1, beta2 = self.betas
        m = self.remembered("mean", parameters)
        self.shrink(parameters)
        parameters.values -= self.lr * torch.lerp(m, g, 1 - beta1).sign()
        m.lerp_(g, 1 - beta2)
