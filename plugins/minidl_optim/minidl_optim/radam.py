"""RAdam."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, gradient_in_closed_form
from minidl_optim.moments import Moments


def _first_step(self: RAdam, w: Tensor, g: Tensor) -> Tensor:
    if self.decoupled_weight_decay:
        return w * (1 - self.lr * self.weight_decay) - self.lr * (-g if self.maximize else g)
    return w - self.lr * gradient_in_closed_form(self, w, g)


class RAdam(Moments):
    """m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²,   w -= lr m̂, and later w -= lr r m̂ √(1 - β₂ᵗ) / (√v + eps).

    v is a mean of few squares at first, and says little. How many it is worth at step t (from 1) is
    ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ), in the long run ρ∞ = 2 / (1 - β₂) - 1. From ρ > 5 on steps are scaled by it, the first
    of them shortened by r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ)). m̂ = m / (1 - β₁ᵗ). g is that of the
    loss with λ w added, or with decoupled_weight_decay w -= lr λ w comes first.

    Equals `torch.optim.RAdam`, whose steps are scaled from ρ > 5 on and not from 4; eps stands beside the root of v.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of each mean is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        decoupled_weight_decay: whether the decay is no part of the gradient, as in AdamW.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Liu, Jiang, He, Chen, Liu, Gao and Han 2020, ICLR (arXiv 1908.03265), algorithm 2.
    """

    conformance = Conformance(
        examples=(*DECAYS, {"weight_decay": 0.1, "decoupled_weight_decay": True}), first_step=_first_step
    )

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decay_biases, maximize)
        self.decoupled_weight_decay = decoupled_weight_decay

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        t, (beta1, beta2) = self.steps, self.betas
        g = self.gradient_beside_decay(parameters, self.decoupled_weight_decay)
        m, v = self.mean(parameters, g), self.mean_square(parameters, g)

        long_run = max(2 / (1 - beta2) - 1, 5)  # ρ∞; where it is less than 5, ρ is so too, and nothing is ever scaled
        rho = long_run - 2 * t * beta2**t / (1 - beta2**t)
        # A captured step must be right at every t: no 'if', but both ways by a number that is 1 where steps are scaled.
        scaled = 1.0 * (rho > 5)
        r = abs((rho - 4) * (rho - 2) * long_run / ((long_run - 4) * (long_run - 2) * rho)) ** 0.5
        rate = scaled * r * (1 - beta2**t) ** 0.5 + (1 - scaled)
        divisor = scaled * v.sqrt() + (scaled * self.eps + (1 - scaled))
        parameters.values -= self.lr * rate / (1 - beta1**t) * (m / divisor)
