"""AdaMax."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, gradient_in_closed_form
from minidl_optim.moments import Moments


class Adamax(Moments):
    """m = β₁ m + (1 - β₁) g,   u = max(β₂ u, |g| + eps),   w -= lr m̂ / u.

    m̂ = m / (1 - β₁ᵗ) at step t (from 1). g is that of the loss with λ w added.

    Equals `torch.optim.Adamax`. The paper has no eps.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of the mean and of the maximum is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Kingma and Ba 2015, ICLR (arXiv 1412.6980), algorithm 2.
    """

    conformance = Conformance(
        examples=DECAYS,
        first_step=lambda self, w, g: w - self.lr * _direction(self, gradient_in_closed_form(self, w, g)),
    )

    def __init__(
        self,
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decay_biases, maximize)

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.decayed_gradient(parameters)
        beta1, beta2 = self.betas
        m = self.mean(parameters, g)
        u = self.remembered("maximum", parameters)
        u.mul_(beta2).clamp_min_(g.abs() + self.eps)
        parameters.values -= self.lr / (1 - beta1**self.steps) * (m / u)


def _direction(self: Adamax, g: Tensor) -> Tensor:
    return g / (g.abs() + self.eps)
