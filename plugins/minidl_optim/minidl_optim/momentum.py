"""Gradient descent with momentum."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent, gradient_in_closed_form


class Momentum(Descent):
    """v = μ v + (1 - τ) g,   w -= lr v;   with nesterov:   w -= lr (g + μ v).

    v is the first g to begin with, and g is that of the loss with λ w added.

    Equals `torch.optim.SGD`: lr stands outside the velocity, so that a new lr takes effect at once, and without
    momentum there is no velocity, nor is anything dampened.

    Args:
        lr: the learning rate, greater than 0.
        momentum: μ, how much of the velocity is kept, 0 or greater and less than 1.
        nesterov: look one step of the velocity ahead; momentum is then greater than 0.
        dampening: τ, how much of each new gradient is left out, 0 or greater and less than 1; 0 with nesterov.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Sutskever, Martens, Dahl and Hinton 2013, ICML, equations 1 and 2 (their v is -lr times this one); nesterov
    as in Bengio, Boulanger-Lewandowski and Pascanu 2013, ICASSP (arXiv 1212.0901), equation 7.
    """

    conformance = Conformance(
        examples=DECAYS,
        refused=({"momentum": 0, "nesterov": True}, {"dampening": 0.5, "nesterov": True}),
        first_step=lambda self, w, g: (
            w - self.lr * (1 + self.momentum * self.nesterov) * gradient_in_closed_form(self, w, g)
        ),
    )

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.9,
        nesterov: bool = False,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require("momentum", momentum, 0 <= momentum < 1, "0 or greater and less than 1")
        require("momentum", momentum, momentum > 0 or not nesterov, "greater than 0 with nesterov")
        require("dampening", dampening, 0 <= dampening < 1, "0 or greater and less than 1")
        require("dampening", dampening, dampening == 0 or not nesterov, "0 with nesterov")
        self.momentum, self.nesterov, self.dampening = momentum, nesterov, dampening

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.decayed_gradient(parameters)
        if self.momentum:
            share = 1 - self.dampening if "velocity" in self.state else 1
            v = self.remembered("velocity", parameters)
            v.mul_(self.momentum).add_(g, alpha=share)
            g = g + self.momentum * v if self.nesterov else v
        parameters.values -= self.lr * g
