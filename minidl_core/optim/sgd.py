"""Stochastic gradient descent."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim.optimizer import Optimizer
from minidl_core.spec.conformance import Conformance


class SGD(Optimizer):
    """w -= lr g.

    Args:
        lr: the learning rate, greater than 0.

    Source: Robbins and Monro 1951, Annals of Mathematical Statistics 22(3).
    """

    conformance = Conformance(first_step=lambda self, w, g: w - self.lr * g)

    def __init__(self, lr: float = 0.1) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        self.lr = lr

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= self.lr * parameters.grads
