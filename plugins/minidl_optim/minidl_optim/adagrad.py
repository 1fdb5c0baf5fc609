"""Adagrad."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance


class Adagrad(Optimizer):
    """s = s + g²,   w -= lr g / (√s + eps).

    Equals `torch.optim.Adagrad` without decay. eps stands outside the root.

    Args:
        lr: the learning rate, greater than 0.
        eps: keeps the divisor from 0, greater than 0.

    Source: Duchi, Hazan and Singer 2011, Journal of Machine Learning Research 12, figure 1 (diagonal matrices; their δ
    is eps, their s is √s here).
    """

    conformance = Conformance(first_step=lambda self, w, g: w - self.lr * g / (g.abs() + self.eps))

    def __init__(self, lr: float = 0.01, eps: float = 1e-10) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("eps", eps, eps > 0, "greater than 0")
        self.lr, self.eps = lr, eps

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = parameters.grads
        s = self.remembered("sum_of_squares", parameters)
        s.addcmul_(g, g)
        parameters.values -= self.lr * g / (s.sqrt() + self.eps)
