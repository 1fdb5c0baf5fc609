"""Adagrad."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent, gradient_in_closed_form


class Adagrad(Descent):
    """s = s + g²,   w -= lr / (1 + (t - 1) δ) g / (√s + eps)   at step t (from 1).

    g is that of the loss with λ w added.

    Equals `torch.optim.Adagrad`. eps stands outside the root.

    Args:
        lr: the learning rate, greater than 0.
        eps: keeps the divisor from 0, greater than 0.
        lr_decay: δ, how much the learning rate falls from step to step, 0 or greater.
        weight_decay: λ, 0 or greater.
        initial_accumulator_value: what s is to begin with, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: Duchi, Hazan and Singer 2011, Journal of Machine Learning Research 12, figure 1 (diagonal matrices; their δ
    is eps, their s is √s here).
    """

    conformance = Conformance(
        examples=DECAYS, first_step=lambda self, w, g: _first_step(self, w, gradient_in_closed_form(self, w, g))
    )

    def __init__(
        self,
        lr: float = 0.01,
        eps: float = 1e-10,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require("eps", eps, eps > 0, "greater than 0")
        require("lr_decay", lr_decay, lr_decay >= 0, "0 or greater")
        initial = initial_accumulator_value
        require("initial_accumulator_value", initial, initial >= 0, "0 or greater")
        self.eps, self.lr_decay, self.initial_accumulator_value = eps, lr_decay, initial

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.decayed_gradient(parameters)
        s = self.remembered("sum_of_squares", parameters, self.initial_accumulator_value)
        s.addcmul_(g, g)
        lr = self.lr / (1 + (self.steps - 1) * self.lr_decay) if self.lr_decay else self.lr
        parameters.values -= lr * (g / (s.sqrt() + self.eps))


def _first_step(self: Adagrad, w: Tensor, g: Tensor) -> Tensor:
    return w - self.lr * g / ((self.initial_accumulator_value + g**2).sqrt() + self.eps)
