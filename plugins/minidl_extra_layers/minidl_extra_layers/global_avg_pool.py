"""The mean of each channel."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.examples import require_example_axes, shape_of_examples


class GlobalAvgPool(Module):
    """y[c] = the mean of x[c] over all places: one feature a channel.

    dx[c, p] = dy[c] / P at each of the P places.

    Equals `torch.nn.AdaptiveAvgPool2d(1)`, flattened.

    Args:
        axes: how many axes an example has, at least 2: 3 for maps `[C, H, W]`, 2 for sequences `[C, L]`. A spec fills
            it in where the shape of the input is known.

    Shapes: x is `[*rounds, N, C, *places]`, y `[*rounds, N, C]`. Raises ShapeError for examples of other axes.

    Source: Lin, Chen and Yan 2014, Network in network, ICLR (arXiv 1312.4400), section 3.2.
    """

    axes_argument: ClassVar[str | None] = "axes"
    shape: tuple[int, ...] = saved()
    conformance = Conformance(examples=({"axes": 3},), input_shape=(2, 3, 2), refused=({"axes": 1},))

    def __init__(self, axes: int = 3) -> None:
        require("axes", axes, axes > 1, "at least 2, the channels and what is averaged")
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        self.output_shape(shape_of_examples(x, self.axes))
        self.shape = x.shape
        return x.flatten(1 - self.axes).mean(-1)

    def backward(self, dy: Tensor) -> Tensor:
        places = self.shape[1 - self.axes :]
        return (dy / math.prod(places))[(..., *[None] * len(places))].expand(*dy.shape, *places)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) < 2:
            raise ShapeError(f"global_avg_pool averages over places, and gets {spelt(shape)}, which has none")
        require_example_axes(self, shape, self.axes)
        return shape[:1]

    def operations(self, shape: tuple[int, ...]) -> int:
        """A sum for each number."""
        return math.prod(shape)
