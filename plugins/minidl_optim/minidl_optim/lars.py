"""LARS."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.descent import DECAYS, Descent
from minidl_optim.layers import by_parameter, norm, ratio


def _first_step(self: LARS, w: Tensor, g: Tensor) -> Tensor:
    decay, g = self.weight_decay, (1 - 2 * self.maximize) * g
    halves = zip(w.chunk(2, -1), g.chunk(2, -1), strict=True)  # the two layers of the kit
    rate = self.lr * self.trust_coefficient
    return torch.cat([w - rate * w.norm() / (g.norm() + decay * w.norm()) * (g + decay * w) for w, g in halves], -1)


class LARS(Descent):
    """v = μ v + lr η ‖w‖ / (‖g‖ + ‖λ w‖) (g + λ w),   w -= v,   each norm that of one parameter in one round.

    Each layer moves by a share of its own size, so that large batches can have a large lr. Where ‖w‖ or the divisor is
    0, the whole fraction is 1. Not in PyTorch.

    Args:
        lr: the learning rate, greater than 0; it stands within the velocity.
        momentum: μ, how much of the velocity is kept, 0 or greater and less than 1.
        trust_coefficient: η, the share of a layer's size that a step of lr 1 has, greater than 0.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.
        maximize: go up and not down.

    Source: You, Gitman and Ginsburg 2017, Large Batch Training of Convolutional Networks (arXiv 1708.03888),
    algorithm 1.
    """

    conformance = Conformance(examples=DECAYS, first_step=_first_step)

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.9,
        trust_coefficient: float = 0.001,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases, maximize)
        require("momentum", momentum, 0 <= momentum < 1, "0 or greater and less than 1")
        require("trust_coefficient", trust_coefficient, trust_coefficient > 0, "greater than 0")
        self.momentum, self.trust_coefficient = momentum, trust_coefficient

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        g = self.gradient(parameters)
        decay = self.decay(parameters) * parameters.values  # λ w
        velocity = self.remembered("velocity", parameters)
        velocity *= self.momentum
        flat = parameters.values, g, decay, velocity
        for w, grad, pull, v in zip(*(by_parameter(parameters, one) for one in flat), strict=True):
            trust = ratio(self.trust_coefficient * norm(w), norm(grad) + norm(pull))
            v.add_(self.lr * trust * (grad + pull))
        parameters.values -= velocity
