"""Features as maps."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_layers.examples import require_example_axes, shape_of_examples


class Reshape(Module):
    """y = the numbers of each example in another shape: 64 features as maps, `reshape(1,8,8)`.

    dx = dy in the shape of x.

    Equals `torch.nn.Unflatten(-1, sizes)`, and `Tensor.reshape` of each example.

    Args:
        sizes: the new shape of an example, each at least 1; one of them may be -1, what is left for it.
        axes: how many axes an example of x has. A spec fills it in where the shape of the input is known.

    Shapes: x is `[*rounds, N, *example]`, y `[*rounds, N, *sizes]`. Raises ShapeError for examples of other axes, and
    of another number of numbers.
    """

    axes_argument: ClassVar[str | None] = "axes"
    shape: tuple[int, ...] = saved()
    conformance = Conformance(
        examples=({"sizes": [2, 3, 1]}, {"sizes": [3, -1]}, {"sizes": [6]}),
        input_shape=(6,),
        refused=({"sizes": []}, {"sizes": [0, 6]}, {"sizes": [-1, -1]}, {"axes": 0}),
    )

    def __init__(self, *sizes: int, axes: int = 1) -> None:
        known = [size for size in sizes if size != -1]
        fits = len(sizes) > 0 and len(known) >= len(sizes) - 1 and all(size > 0 for size in known)
        require("sizes", list(sizes), fits, "whole numbers of at least 1, of which one may be -1")
        require("axes", axes, axes > 0, "at least 1")
        self.sizes, self.axes = sizes, axes

    def forward(self, x: Tensor) -> Tensor:
        sizes = self.output_shape(shape_of_examples(x, self.axes))
        self.shape = x.shape[-self.axes :]
        return x.reshape(*x.shape[: -self.axes], *sizes)

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(*dy.shape[: -len(self.sizes)], *self.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_example_axes(self, shape, self.axes)
        numbers, known = math.prod(shape), math.prod(size for size in self.sizes if size != -1)
        if numbers % known if -1 in self.sizes else numbers != known:
            raise ShapeError(f"{self} needs {'a multiple of ' * (-1 in self.sizes)}{known} numbers, got {list(shape)}")
        return tuple(numbers // known if size == -1 else size for size in self.sizes)

    def operations(self, shape: tuple[int, ...]) -> int:
        return 0
