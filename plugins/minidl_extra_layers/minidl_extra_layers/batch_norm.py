"""Batch normalisation."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module, Normal, Parameter, Zeros, saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.channels import all_but_channels, along_channels
from minidl_extra_layers.examples import require_batch_axes
from minidl_extra_layers.normalized import normalized, through_normalized


class BatchNorm(Module):
    """y = w x̂ + b with x̂ = (x - μ) / √(σ² + eps), of the mean μ and the variance σ² of each channel over the batch.

    dw = Σ dy x̂,   db = Σ dy,   dx = (g - mean(g) - x̂ mean(g x̂)) / √(σ² + eps) with g = w dy; sums and means are over
    the batch and all axes of an example but the channels.

    In evaluation μ and σ² are running ones, constants: dx = g / √(σ² + eps). After each batch in training
    running = (1 - momentum) running + momentum · that of the batch, whose variance is taken with n - 1 there. They are
    learned in each round for itself, and are in the model file.

    A bias before it changes nothing, and has a gradient of nothing but rounding: write `conv2d(_,8,3,bias=false)`.

    Convention: `torch.nn.BatchNorm1d`, `BatchNorm2d` and so on, but that a batch with one number for each channel is
    taken, y = b, and changes no running ones.

    Args:
        num_features: the number of channels, the first axis of an example.
        eps: greater than 0.
        momentum: between 0 and 1; none takes the mean of all batches so far.
        affine: whether there are w and b, which begin as 1 and 0.
        track_running_stats: false takes the batch's mean and variance in evaluation too, where rows then depend on each
            other.
        axes: how many axes an example has, 1 for features, 3 for maps `[C, H, W]`; a spec fills in what it knows.

    Shapes: x and y are `[*rounds, N, C, *places]`, all else `[C]`. Raises ArgumentError for an argument that is out of
    range, ShapeError for another number of channels. Source: Ioffe and Szegedy 2015, Batch normalization, ICML,
    algorithms 1 and 2 and section 3.
    """

    input_argument: ClassVar[str | None] = "num_features"
    input_axis: ClassVar[int] = 0
    axes_argument: ClassVar[str | None] = "axes"
    conformance = Conformance(
        examples=(
            {"num_features": 3},
            {"num_features": 3, "axes": 3},
            {"num_features": 3, "momentum": None},
            {"num_features": 3, "momentum": 0.5},
        ),
        input_shape=(3, 2, 2),
        rows_depend=lambda self, training: training or not self.track_running_stats,
    )
    x_hat: Tensor = saved()
    deviation: Tensor = saved()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        axes: int = 1,
    ) -> None:
        require("num_features", num_features, num_features > 0, "at least 1")
        require("eps", eps, eps > 0, "greater than 0")
        require("momentum", momentum, momentum is None or 0 <= momentum <= 1, "between 0 and 1, or none")
        require("axes", axes, axes > 0, "at least 1")
        self.num_features, self.eps, self.momentum, self.axes = num_features, eps, momentum, axes
        self.track_running_stats = track_running_stats
        self.weight = Parameter((num_features,), Normal(mean=1.0, std=0.0), 1, 1) if affine else None
        self.bias = Parameter((num_features,), Zeros(), 1, 1) if affine else None
        if track_running_stats:
            self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)
            if momentum is None:
                self.num_batches_tracked = torch.zeros(())

    @property
    def takes_batch(self) -> bool:
        """Whether mean and variance are those of the batch."""
        return self.training or not self.track_running_stats

    def forward(self, x: Tensor) -> Tensor:  # [*, N, C, *places]
        require_batch_axes(self, x, self.axes, self.weight)
        if x.shape[-self.axes] != self.num_features:
            raise ShapeError(f"{self} expects {self.num_features} channels, got {list(x.shape)}")
        if self.takes_batch:
            self.x_hat, mean, variance, self.deviation = normalized(x, all_but_channels(self.axes), self.eps)
            count = x.numel() // max(mean.numel(), 1)
            if self.training and self.track_running_stats and count > 1:
                shape = (*x.shape[: -self.axes - 1], self.num_features)
                self.keep_running(mean.reshape(shape), variance.reshape(shape) * (count / (count - 1)))
        else:
            self.deviation = (along_channels(self.running_var.to(x), self.axes) + self.eps).sqrt()
            self.x_hat = (x - along_channels(self.running_mean.to(x), self.axes)) / self.deviation
        if self.weight is None or self.bias is None:
            return self.x_hat
        return along_channels(self.weight.value, self.axes) * self.x_hat + along_channels(self.bias.value, self.axes)

    def backward(self, dy: Tensor) -> Tensor:
        dx_hat, axes = dy, all_but_channels(self.axes)
        if self.weight is not None and self.bias is not None:
            dx_hat = along_channels(self.weight.value, self.axes) * dy
            self.weight.grad = (dy * self.x_hat).sum(axes)
            self.bias.grad = dy.sum(axes)
        if self.takes_batch:
            return through_normalized(dx_hat, self.x_hat, self.deviation, axes)
        return dx_hat / self.deviation

    def keep_running(self, mean: Tensor, variance: Tensor) -> None:
        """Take the mean and the variance of a batch, `[*rounds, C]`, into the running ones."""
        part: Any = self.momentum
        if part is None:
            self.num_batches_tracked = self.num_batches_tracked.to(mean) + torch.ones_like(mean[..., 0])
            part = self.num_batches_tracked.reciprocal().unsqueeze(-1)
        self.running_mean = (1 - part) * self.running_mean.to(mean) + part * mean
        self.running_var = (1 - part) * self.running_var.to(mean) + part * variance

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != self.axes or shape[0] != self.num_features:
            expected = f"{self.num_features} channels in {self.axes} axes"
            raise ShapeError(f"batch_norm expects examples with {expected} but gets {spelt(shape)}")
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        return (self.num_features,) if self.axes == 1 else None
