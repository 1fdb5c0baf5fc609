"""RMSprop."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²,   w -= lr g / (√v + eps).

    Equals `torch.optim.RMSprop` without momentum and not centered. eps stands outside the root.

    Args:
        lr: the learning rate, greater than 0.
        alpha: α, how much of the mean square is kept, 0 or greater and less than 1.
        eps: keeps the divisor from 0, greater than 0.

    Source: Tieleman and Hinton 2012, Neural Networks for Machine Learning (Coursera), lecture 6.5.
    """

    conformance = Conformance(
        first_step=lambda self, w, g: w - self.lr * g / ((1 - self.alpha) ** 0.5 * g.abs() + self.eps)
    )

    def __init__(self, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("alpha", alpha, 0 <= alpha < 1, "0 or greater and less than 1")
        require("eps", eps, eps > 0, "greater than 0")
        self.lr, self.alpha, self.eps = lr, alpha, eps

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = parameters.grads
        v = self.remembered("mean_square", parameters)
        v.mul_(self.alpha).addcmul_(g, g, value=1 - self.alpha)
        parameters.values -= self.lr * g / (v.sqrt() + self.eps)
