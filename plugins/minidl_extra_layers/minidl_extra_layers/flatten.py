"""Maps as features."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_layers.examples import require_example_axes, shape_of_examples


class Flatten(Module):
    """y = the numbers of each example in a row: of maps `[C, H, W]` the features `[C H W]`.

    dx = dy in the shape of x.

    Equals `torch.nn.Flatten`, which takes one leading axis.

    Args:
        axes: how many axes an example has, 3 for maps `[C, H, W]`, 2 for sequences `[C, L]`. A spec fills it in where
            the shape of the input is known.

    Shapes: x is `[*rounds, N, *example]`, y `[*rounds, N, features]`. Raises ShapeError for examples of other axes.
    """

    axes_argument: ClassVar[str | None] = "axes"
    shape: tuple[int, ...] = saved()
    conformance = Conformance(examples=({"axes": 3},), input_shape=(2, 3, 2), refused=({"axes": 0},))

    def __init__(self, axes: int = 3) -> None:
        require("axes", axes, axes > 0, "at least 1")
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        self.output_shape(shape_of_examples(x, self.axes))
        self.shape = x.shape[-self.axes :]
        return x.flatten(-self.axes)

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(*dy.shape[:-1], *self.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_example_axes(self, shape, self.axes)
        return (math.prod(shape),)

    def operations(self, shape: tuple[int, ...]) -> int:
        return 0
