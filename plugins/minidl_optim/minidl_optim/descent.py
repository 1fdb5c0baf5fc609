"""What optimizers that can climb and decay have in common."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.optim import Optimizer

DECAYS: tuple[dict[str, Any], ...] = ({}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decay_biases": False})
"""What the conformance kit is to build an optimizer with: without weight_decay, decay_biases changes nothing."""


class Descent(Optimizer):
    """An optimizer with a learning rate, a weight decay, and the choice of going up.

    Args:
        lr: the learning rate, greater than 0.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too, all of which `Parameter.is_scale` is true.
        maximize: go up and not down.
    """

    def __init__(self, lr: float, weight_decay: float, decay_biases: bool, maximize: bool) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("weight_decay", weight_decay, weight_decay >= 0, "0 or greater")
        self.lr, self.weight_decay = lr, weight_decay
        self.decay_biases, self.maximize = decay_biases, maximize

    def gradient(self, parameters: FlatParameters) -> Tensor:
        """g, the way up; that of -f, where f is to become as large as it can."""
        return -parameters.grads if self.maximize else parameters.grads

    def decayed_gradient(self, parameters: FlatParameters) -> Tensor:
        """g + λ w, the gradient of a loss with the penalty ½ λ ‖w‖²."""
        g = self.gradient(parameters)
        return g + self.decay(parameters) * parameters.values if self.weight_decay else g

    def gradient_beside_decay(self, parameters: FlatParameters, decoupled: bool) -> Tensor:
        """g after a decay of the weights themselves; or else g + λ w."""
        if not decoupled:
            return self.decayed_gradient(parameters)
        self.shrink(parameters)
        return self.gradient(parameters)

    def shrink(self, parameters: FlatParameters) -> None:
        """w -= lr λ w, the decay that is no part of the gradient."""
        if self.weight_decay:
            parameters.values *= 1 - self.lr * self.decay(parameters)

    def decay(self, parameters: FlatParameters) -> float | Tensor:
        """λ; or one a parameter `[P]`, 0 for those that do not decay."""
        if self.decay_biases:
            return self.weight_decay
        # Made anew in each step, and once where the step is captured: all of it is constant there.
        of_each = [
            parameters.values.new_full((parameter.size,), 0.0 if parameter.is_scale else self.weight_decay)
            for parameter in parameters.named.values()
        ]
        return torch.cat(of_each)


def gradient_in_closed_form(self: Descent, w: Tensor, g: Tensor) -> Tensor:
    """g + λ w, or -g + λ w, of the closed form of a first step."""
    return (-g if self.maximize else g) + self.weight_decay * w
