"""Rprop."""

from __future__ import annotations

import torch

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import Descent


class Rprop(Descent):
    """s = η₊ s where g keeps its sign, s = η₋ s and g = 0 where it changes it,   w -= s sign(g).

    Each weight has a step size s of its own, which is lr to begin with and stays within step_sizes; how large g is
    counts for nothing. Made for gradients of all examples at once.

    Equals `torch.optim.Rprop`. A new lr changes nothing after the first step.

    Args:
        lr: the first step size, greater than 0.
        etas: η₋, greater than 0 and less than 1, and η₊, greater than 1.
        step_sizes: the least and the greatest step size, each greater than 0.
        maximize: go up and not down.

    Source: Riedmiller and Braun 1993, IEEE International Conference on Neural Networks, A direct adaptive method for
    faster backpropagation learning; without stepping back where a sign changes, as in Igel and Hüsken 2000, iRprop-.
    """

    conformance = Conformance(
        examples=({}, {"step_sizes": (0.009, 0.011)}),
        refused=({"step_sizes": (2.0, 1.0)},),
        first_step=lambda self, w, g: (
            w - min(max(self.lr, self.step_sizes[0]), self.step_sizes[1]) * (1 - 2 * self.maximize) * g.sign()
        ),
    )

    def __init__(
        self,
        lr: float = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay=0.0, decay_biases=True, maximize=maximize)
        require("etas", etas, 0 < etas[0] < 1 < etas[1], "a number greater than 0 and less than 1, and one above 1")
        require("step_sizes", step_sizes, 0 < step_sizes[0] <= step_sizes[1], "two numbers above 0, the least first")
        self.etas, self.step_sizes = etas, step_sizes

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.gradient(parameters)
        previous = self.remembered("gradient", parameters)
        size = self.remembered("step_size", parameters, self.lr)
        agreement = previous * g
        less, more = (eta * size for eta in self.etas)
        changed = torch.where(agreement > 0, more, torch.where(agreement < 0, less, size))
        size.copy_(changed.clamp(*self.step_sizes))
        previous.copy_(torch.where(agreement < 0, 0.0, g))
        parameters.values -= size * previous.sign()
