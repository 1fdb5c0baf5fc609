"""The negative log-likelihood of counts."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.from_zero import require_from_zero


class PoissonNLL(ElementwiseLoss):
    """exp(y) - t y, of the logarithm y of a rate, or y - t log(y + eps) of a rate y; its mean over batch and targets.

    d/dy = exp(y) - t, or 1 - t / (y + eps).

    What is left out, log t!, depends on the targets alone. With `full` it is added in Stirling's approximation,
    t log t - t + log(2π t) / 2, where t > 1.

    Convention: `torch.nn.PoissonNLLLoss`.

    Args:
        log_input: whether outputs are logarithms of rates; else they are rates, and the model must end in something
            that is never below 0, such as `softplus`.
        full: whether the value is about that of the whole log-likelihood; the gradient is the same.
        eps: what is added to a rate, so that it has a logarithm where it is 0; greater than 0. Without effect on
            logarithms of rates.

    Shapes: outputs `[*rounds, N, T]`; targets the same, counts from 0 up, which are not standardized in a training.
    Raises ArgumentError for the eps, ShapeError for other shapes and for labels; a training raises DataError for a
    target below 0. A rate below -eps gives NaN.

    Source: McCullagh and Nelder, Generalized Linear Models (1989), chapter 6.
    """

    conformance = Conformance(
        examples=({}, {"full": True}, {"log_input": False, "eps": 0.1}),
        # Beside a rate of exp(60) no other row could be seen, and exp(89) is more than float32 holds.
        outputs=lambda self, y: y.clamp(max=10) if self.log_input else y.abs(),
    )
    is_of_values: ClassVar[bool] = True
    scales_target: ClassVar[bool] = False

    y: Tensor = saved()
    t: Tensor = saved()

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> None:
        require("eps", eps, eps > 0, "greater than 0")
        self.log_input, self.full, self.eps = log_input, full, eps

    @property
    def last_layer(self) -> str | None:
        return None if self.log_input else "softplus"

    def check_values(self, target: Tensor) -> None:
        require_from_zero(self, target, "counts")

    def predicted(self, output: Tensor) -> Tensor:
        """The rate of each target."""
        return output.exp() if self.log_input else output

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        t = t.to(y)
        self.y, self.t = y, t
        value = y.exp() - t * y if self.log_input else y - t * (y + self.eps).log()
        if not self.full:
            return value
        log_factorial = t * t.log() - t + (2 * math.pi * t).log() / 2
        return value + torch.where(t > 1, log_factorial, 0)

    def derivative(self) -> Tensor:
        return self.y.exp() - self.t if self.log_input else 1 - self.t / (self.y + self.eps)
