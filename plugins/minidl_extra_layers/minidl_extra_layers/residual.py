"""A chain with a way around it."""

from __future__ import annotations

import math

from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.nn import Module
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.branches import added


class Residual(Module):
    """y = x + f(x).   dx = dy + f'(dy), f' the chain's own `backward`.

    Args:
        inner: f, whose outputs have the shape of its inputs: `residual(linear(25,25)-relu)`.

    Shapes: x and y are `[*rounds, N, *features]`. Raises ShapeError where f changes the shape of an example; another
    way around is `sum(f, g)`.

    Source: He et al. 2016, Deep residual learning for image recognition, CVPR, eq. 1.
    """

    conformance = Conformance(examples=({"inner": "linear(3,3)-tanh"}, {"inner": "residual(tanh)-linear(3,3)"}))

    def __init__(self, inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return added(x, self.inner.forward(x), self)

    def backward(self, dy: Tensor) -> Tensor:
        return dy + self.inner.backward(dy)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if (out := self.inner.output_shape(shape)) != shape:
            raise ShapeError(
                f"residual adds what comes in, {spelt(shape)}, to what its chain gives, {spelt(out)}; make both alike"
            )
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        return self.inner.input_shape()

    def operations(self, shape: tuple[int, ...]) -> int:
        return self.inner.operations(shape) + math.prod(shape)
