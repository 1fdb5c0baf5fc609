"""NAdam."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, gradient_in_closed_form
from minidl_optim.moments import Moments


def _first_step(self: NAdam, w: Tensor, g: Tensor) -> Tensor:
    beta = self.betas[0]
    first, second = (beta * (1 - 0.5 * float(0.96 ** (t * self.momentum_decay))) for t in (1, 2))
    if self.decoupled_weight_decay:
        g = -g if self.maximize else g
        w = w * (1 - self.lr * self.weight_decay)
    else:
        g = gradient_in_closed_form(self, w, g)
    ahead = g + second * (1 - beta) * g / (1 - first * second)
    return w - self.lr * ahead / (g.abs() + self.eps)


class NAdam(Moments):
    """m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²,   w -= lr m̂ / (√v̂ + eps).

    Adam that looks one step of its momentum ahead: m̂ = g (1 - μₜ) / (1 - Πₜ) + m μₜ₊₁ / (1 - Πₜ₊₁). The momentum
    grows, μₜ = β₁ (1 - ½ 0.96^(t ψ)) at step t (from 1), and Πₜ = μ₁ μ₂ ... μₜ takes the bias away; v̂ = v / (1 - β₂ᵗ).
    g is that of the loss with λ w added, or with decoupled_weight_decay w -= lr λ w comes first.

    Equals `torch.optim.NAdam`.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of each mean is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        momentum_decay: ψ, how soon the momentum is whole, 0 or greater.
        decoupled_weight_decay: whether the decay is no part of the gradient, as in AdamW.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Dozat 2016, ICLR workshop, Incorporating Nesterov Momentum into Adam, algorithm 2.
    """

    conformance = Conformance(
        examples=(*DECAYS, {"weight_decay": 0.1, "decoupled_weight_decay": True}), first_step=_first_step
    )

    def __init__(
        self,
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        decoupled_weight_decay: bool = False,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decay_biases, maximize)
        require("momentum_decay", momentum_decay, momentum_decay >= 0, "0 or greater")
        self.momentum_decay, self.decoupled_weight_decay = momentum_decay, decoupled_weight_decay

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        beta1, beta2 = self.betas
        product = self.remembered("momentum_product", parameters, 1.0, size=1)  # Π, [*rounds, 1]
        g = self.gradient_beside_decay(parameters, self.decoupled_weight_decay)
        m, v = self.mean(parameters, g), self.mean_square(parameters, g)
        momentum, next_momentum = (
            beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay)) for t in (self.steps, self.steps + 1)
        )
        product *= momentum
        unbias = (1 - beta2**self.steps) ** 0.5  # √v̂ = √v / unbias, here on numbers and not on each weight
        of_g = self.lr * unbias * (1 - momentum) / (1 - product)
        of_m = self.lr * unbias * next_momentum / (1 - product * next_momentum)
        parameters.values -= (of_g * g + of_m * m) / (v.sqrt() + self.eps * unbias)
