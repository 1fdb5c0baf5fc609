"""RMSprop."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent, gradient_in_closed_form


class RMSprop(Descent):
    """v = α v + (1 - α) g²,   w -= lr g / (√v + eps).

    Centered, √(v - m²) is in the place of √v, where m = α m + (1 - α) g: the gradient's deviation and not its size.
    With momentum, w -= lr b, where b = μ b + g / (√v + eps). g is that of the loss with λ w added.

    Equals `torch.optim.RMSprop`. eps stands outside the root.

    Args:
        lr: the learning rate, greater than 0.
        alpha: α, how much of the mean square is kept, 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.
        weight_decay: λ, 0 or greater.
        momentum: μ, how much of the velocity b is kept, 0 or greater and less than 1.
        centered: whether steps are scaled by the gradient's deviation; alpha is then greater than 0.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Tieleman and Hinton 2012, Neural Networks for Machine Learning (Coursera), lecture 6.5; centered as in
    Graves 2013 (arXiv 1308.0850), equations 38 to 41, whose eps is within the root.
    """

    conformance = Conformance(
        examples=DECAYS,
        refused=({"alpha": 0, "centered": True},),
        first_step=lambda self, w, g: w - self.lr * _scaled(self, gradient_in_closed_form(self, w, g)),
    )

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require("alpha", alpha, 0 <= alpha < 1, "0 or greater and less than 1")
        require("alpha", alpha, alpha > 0 or not centered, "greater than 0 where it is centered")
        require("eps", eps, eps > 0, "greater than 0")
        require("momentum", momentum, 0 <= momentum < 1, "0 or greater and less than 1")
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.decayed_gradient(parameters)
        v = self.remembered("mean_square", parameters)
        v.mul_(self.alpha).addcmul_(g, g, value=1 - self.alpha)
        if self.centered:
            m = self.remembered("mean", parameters)
            m.lerp_(g, 1 - self.alpha)
            v = v - m * m
        step = g / (v.sqrt() + self.eps)
        if self.momentum:
            b = self.remembered("velocity", parameters)
            step = b.mul_(self.momentum).add_(step)
        parameters.values -= self.lr * step


def _scaled(self: RMSprop, g: Tensor) -> Tensor:
    """g / (√v + eps) in the first step; centered, v = (1 - α) g² - (1 - α)² g²."""
    kept = (1 - self.alpha) * (self.alpha if self.centered else 1)
    root: float = kept**0.5
    return g / (root * g.abs() + self.eps)
