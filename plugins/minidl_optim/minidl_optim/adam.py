"""Adam."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²,   w -= lr m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t (from 1): both means begin at 0, and this takes their bias away.

    Equals `torch.optim.Adam`. eps stands outside the root, and beside v̂.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of each mean is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.

    Source: Kingma and Ba 2015, ICLR (arXiv 1412.6980), algorithm 1.
    """

    conformance = Conformance(first_step=lambda self, w, g: w - self.lr * g / (g.abs() + self.eps))

    def __init__(self, lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("betas", betas, all(0 <= beta < 1 for beta in betas), "two numbers, each 0 or greater and less than 1")
        require("eps", eps, eps > 0, "greater than 0")
        self.lr, self.betas, self.eps = lr, betas, eps

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = parameters.grads
        beta1, beta2 = self.betas
        m = self.remembered("mean", parameters)
        v = self.remembered("mean_square", parameters)
        m.mul_(beta1).add_(g, alpha=1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (v / (1 - beta2**self.steps)).sqrt()  # √v̂
        parameters.values -= m / (root + self.eps) * (self.lr / (1 - beta1**self.steps))
