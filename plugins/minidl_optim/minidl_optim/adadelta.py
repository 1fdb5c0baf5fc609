"""Adadelta."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent, gradient_in_closed_form


class Adadelta(Descent):
    """v = ρ v + (1 - ρ) g²,   Δ = g √(d + eps) / √(v + eps),   d = ρ d + (1 - ρ) Δ²,   w -= lr Δ.

    Each step is as large as the steps before it, so that it has the weights' own unit. g is that of the loss with λ w
    added.

    Equals `torch.optim.Adadelta`. eps stands within the roots; the paper's lr is 1.

    Args:
        lr: the learning rate, greater than 0.
        rho: ρ, how much of each mean square is kept, 0 or greater and less than 1.
        eps: what the first steps grow from, greater than 0.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Zeiler 2012 (arXiv 1212.5701), algorithm 1.
    """

    conformance = Conformance(
        examples=DECAYS,
        first_step=lambda self, w, g: w - self.lr * _first_change(self, gradient_in_closed_form(self, w, g)),
    )

    def __init__(
        self,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require("rho", rho, 0 <= rho < 1, "0 or greater and less than 1")
        require("eps", eps, eps > 0, "greater than 0")
        self.rho, self.eps = rho, eps

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.decayed_gradient(parameters)
        v = self.remembered("mean_square", parameters)
        d = self.remembered("mean_square_change", parameters)
        v.mul_(self.rho).addcmul_(g, g, value=1 - self.rho)
        change = ((d + self.eps) / (v + self.eps)).sqrt() * g
        d.mul_(self.rho).addcmul_(change, change, value=1 - self.rho)
        parameters.values -= self.lr * change


def _first_change(self: Adadelta, g: Tensor) -> Tensor:
    return g * (self.eps / ((1 - self.rho) * g**2 + self.eps)) ** 0.5
