"""The leaky ReLU with slopes that are learned."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module, Normal, Parameter, saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.channels import all_but_channels, along_channels
from minidl_extra_layers.examples import require_batch_axes


class PReLU(Module):
    """y = x where x > 0, else a x, with one slope a for all or one for each channel.

    da = Σ dy x over all x ≤ 0 that the slope is that of,   dx = dy where x > 0, else a dy.

    Convention: `torch.nn.PReLU`. Channels are the first axis of an example: `prelu` has one slope, `prelu(_)` one for
    each channel.

    Args:
        num_parameters: how many slopes, 1 or as many as there are channels.
        init: what slopes begin as, any number.
        axes: how many axes an example has, 1 for features, 3 for maps `[C, H, W]`; a spec fills in what it knows.

    Shapes: x and y are `[*rounds, N, C, *places]`, a is `[num_parameters]`. Raises ArgumentError for an argument out of
    range, ShapeError for another number of channels. Source: He, Zhang, Ren and Sun 2015, Delving deep into rectifiers,
    ICCV, section 2.1.
    """

    input_argument: ClassVar[str | None] = "num_parameters"
    input_axis: ClassVar[int] = 0
    axes_argument: ClassVar[str | None] = "axes"
    conformance = Conformance(
        examples=(
            {"num_parameters": 3},
            {"num_parameters": 3, "axes": 3},
            {"axes": 3},
            {"num_parameters": 3, "init": 0.5},
        ),
        input_shape=(3, 2, 2),
        unbounded=("init",),
    )
    x: Tensor = saved()

    def __init__(self, num_parameters: int = 1, init: float = 0.25, axes: int = 1) -> None:
        require("num_parameters", num_parameters, num_parameters > 0, "at least 1")
        require("axes", axes, axes > 0, "at least 1")
        self.num_parameters, self.axes = num_parameters, axes
        self.weight = Parameter((num_parameters,), Normal(mean=init, std=0.0), 1, 1)

    def forward(self, x: Tensor) -> Tensor:  # [*, N, C, *places]
        require_batch_axes(self, x, self.axes, self.weight)
        if self.num_parameters not in (1, x.shape[-self.axes]):
            raise ShapeError(f"{self} expects {self.num_parameters} channels, got {list(x.shape)}")
        self.x = x
        return torch.where(x > 0, x, along_channels(self.weight.value, self.axes) * x)

    def backward(self, dy: Tensor) -> Tensor:
        slopes = (dy * self.x.clamp(max=0)).sum(all_but_channels(self.axes))  # [*, C]
        self.weight.grad = slopes if self.num_parameters > 1 else slopes.sum(-1, keepdim=True)
        return torch.where(self.x > 0, dy, along_channels(self.weight.value, self.axes) * dy)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        sizes = spelt(shape)
        if len(shape) != self.axes:
            raise ShapeError(f"prelu expects examples with {self.axes} axes but gets {sizes}")
        if self.num_parameters not in (1, shape[0]):
            raise ShapeError(f"prelu has {self.num_parameters} slopes but gets {shape[0]} channels in {sizes}")
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        return (self.num_parameters,) if self.num_parameters > 1 and self.axes == 1 else None
