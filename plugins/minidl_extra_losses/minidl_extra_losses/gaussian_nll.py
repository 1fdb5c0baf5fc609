"""The negative log-likelihood of values whose variance is predicted too."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss, Prediction
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance


class GaussianNLL(ElementwiseLoss):
    """(c + (m - t)² exp(-c)) / 2, of mean m and log-variance s, c = max(s, log eps); its mean over batch and targets.

    d/dy: d/dm = (m - t) exp(-c),   d/ds = (1 - (m - t)² exp(-c)) / 2 where s > log eps, else 0.

    Convention: `torch.nn.GaussianNLLLoss` with var = exp(s), except for d/ds where the variance is below eps: PyTorch
    clamps it out of autograd's sight, and gives a slope there that its value does not have. Here it is 0, the
    derivative of the value, so that such a variance stays where it is until the weights change it by another row.

    Args:
        full: whether log(2π) / 2 is added, so that the value is the whole log-likelihood's; the gradient is the same.
        eps: the least variance, greater than 0, in units of the squared target.

    Shapes: targets `[*rounds, N, T]`, for which outputs are `[*rounds, N, 2 T]`: output 2 t is the mean of target t and
    2 t + 1 the logarithm of its variance. The mean is what is predicted. Raises ArgumentError for the eps, ShapeError
    for other shapes and for labels.

    Source: Nix and Weigend 1994, Estimating the mean and variance of the target probability distribution, ICNN, vol. 1,
    p. 55-60; eps is PyTorch's.
    """

    conformance = Conformance(
        examples=({}, {"full": True}, {"eps": 0.2}),
        outputs=lambda _, y: y.clamp(-5, 5),  # beside a row of a tiny variance no other row could be seen
    )
    is_of_values: ClassVar[bool] = True
    error: Tensor = saved()
    precision: Tensor = saved()
    free: Tensor = saved()

    def __init__(self, full: bool = False, eps: float = 1e-6) -> None:
        require("eps", eps, eps > 0, "greater than 0")
        self.full, self.eps = full, eps

    def outputs_for(self, targets: int) -> int:
        return 2 * targets

    def predicted(self, output: Tensor) -> Tensor:
        """The mean of each target."""
        return output[..., 0::2]

    def predictions(self, output: Tensor) -> list[Prediction]:
        """The mean, and the standard deviation as `std`."""
        std = (output[..., 1::2].clamp(min=math.log(self.eps)) / 2).exp()
        return [Prediction("", self.predicted(output)), Prediction("std", std, is_distance=True)]

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        mean, log_variance = y[..., 0::2], y[..., 1::2]  # [*, N, T]
        clamped = log_variance.clamp(min=math.log(self.eps))
        self.error = mean - t
        self.precision = (-clamped).exp()
        self.free = (log_variance > math.log(self.eps)).to(y.dtype)
        value = (clamped + self.error**2 * self.precision) / 2
        return value + math.log(2 * math.pi) / 2 if self.full else value

    def derivative(self) -> Tensor:
        by_mean = self.error * self.precision
        by_log_variance = self.free * (1 - self.error * by_mean) / 2
        return torch.stack([by_mean, by_log_variance], -1).flatten(-2)  # [*, N, 2 T]
