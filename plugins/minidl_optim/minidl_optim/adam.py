"""Adam."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, gradient_in_closed_form
from minidl_optim.moments import Moments


class Adam(Moments):
    """m = β₁ m + (1 - β₁) g,   v = β₂ v + (1 - β₂) g²,   w -= lr m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t (from 1): both means begin at 0, and this takes their bias away.
    With amsgrad the largest v so far is in the place of v, so that no rate grows. g is that of the loss with λ w added.

    Equals `torch.optim.Adam`. eps stands outside the root, and beside v̂.

    Args:
        lr: the learning rate, greater than 0.
        betas: β₁ and β₂, how much of each mean is kept; each 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        amsgrad: whether the largest v counts.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Kingma and Ba 2015, ICLR (arXiv 1412.6980), algorithm 1; amsgrad: Reddi, Kale and Kumar 2018, ICLR
    (arXiv 1904.09237), algorithm 2, without its correction of the bias.
    """

    conformance = Conformance(
        examples=DECAYS,
        first_step=lambda self, w, g: w - self.lr * _direction(self, gradient_in_closed_form(self, w, g)),
    )

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, decay_biases, maximize)
        self.amsgrad = amsgrad

    def step(self, parameters: FlatParameters) -> None:
        self.descend(parameters, self.decayed_gradient(parameters))

    def descend(self, parameters: FlatParameters, g: Tensor) -> None:
        self.steps += 1
        beta1, beta2 = self.betas
        m, v = self.mean(parameters, g), self.mean_square(parameters, g)
        if self.amsgrad:
            v = self.remembered("largest_mean_square", parameters).clamp_min_(v)
        unbias = (1 - beta2**self.steps) ** 0.5  # √v̂ = √v / unbias, here on numbers and not on each weight
        lr = self.lr * unbias / (1 - beta1**self.steps)
        parameters.values -= lr * (m / (v.sqrt() + self.eps * unbias))


def _direction(self: Adam, g: Tensor) -> Tensor:
    return g / (g.abs() + self.eps)
