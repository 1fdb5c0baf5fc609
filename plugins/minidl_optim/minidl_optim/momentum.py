"""Gradient descent with momentum."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance


class Momentum(Optimizer):
    """v = μ v + g,   w -= lr v;   with nesterov:   w -= lr (g + μ v).

    Equals `torch.optim.SGD(momentum=..., nesterov=...)`: lr stands outside the velocity, so that a new lr takes effect
    at once.

    Args:
        lr: the learning rate, greater than 0.
        momentum: μ, how much of the velocity is kept, 0 or greater and less than 1.
        nesterov: look one step of the velocity ahead; momentum is then greater than 0.

    Source: Sutskever, Martens, Dahl and Hinton 2013, ICML, equations 1 and 2 (their v is -lr times this one); nesterov
    as in Bengio, Boulanger-Lewandowski and Pascanu 2013, ICASSP (arXiv 1212.0901), equation 7.
    """

    conformance = Conformance(
        first_step=lambda self, w, g: w - self.lr * (g + self.momentum * g if self.nesterov else g)
    )

    def __init__(self, lr: float = 0.1, momentum: float = 0.9, nesterov: bool = False) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("momentum", momentum, 0 <= momentum < 1, "0 or greater and less than 1")
        require("momentum", momentum, momentum > 0 or not nesterov, "greater than 0 with nesterov")
        self.lr, self.momentum, self.nesterov = lr, momentum, nesterov

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = parameters.grads
        v = self.remembered("velocity", parameters)
        v.mul_(self.momentum).add_(g)
        parameters.values -= self.lr * (g + self.momentum * v if self.nesterov else v)
