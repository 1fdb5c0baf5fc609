"""Several chains side by side."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.branches import Branches


class Concat(Branches):
    """y = [f₁(x), f₂(x), …], joined along the first axis of an example: features, or the channels of maps.

    dx = Σ fᵢ'(dyᵢ), dyᵢ the part of dy that fᵢ has given.

    Args:
        layers: the chains, at least one: `concat(linear(_,8), linear(_,8)-tanh)`.
        axes: how many axes an example of theirs has, 1 for features, 3 for maps `[C, H, W]`.

    Shapes: x is `[*rounds, N, *features]`, y `[*rounds, N, C₁ + C₂ + …, *rest]`. Raises ShapeError where the chains'
    outputs differ in another axis than the first.

    Source: Szegedy et al. 2015, Going deeper with convolutions, CVPR, section 4.
    """

    sizes: list[int] = saved()
    conformance = Conformance(
        examples=({"layers": ["linear(3,2)", "linear(3,4)-tanh"], "axes": 1}, {"layers": ["tanh", "linear(3,3)"]}),
        refused=({"layers": []},),
    )

    def __init__(self, *layers: Module, axes: int = 1) -> None:
        super().__init__(*layers)
        require("axes", axes, axes > 0, "at least 1")
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        ys = self.outputs(x)
        rounds_and_rows = max((y.shape[: -self.axes] for y in ys), key=len)
        if len({y.shape[1 - self.axes :] for y in ys if self.axes > 1}) > 1:
            raise ShapeError(f"{self} cannot join {' and '.join(str([*y.shape]) for y in ys)} along axis {-self.axes}")
        ys = [y.expand(*rounds_and_rows, *y.shape[-self.axes :]) for y in ys]
        self.sizes = [y.shape[-self.axes] for y in ys]
        return torch.cat(ys, -self.axes)

    def backward(self, dy: Tensor) -> Tensor:
        return self.input_gradient(list(torch.split(dy, self.sizes, -self.axes)))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = self.output_shapes(shape)
        given = " and ".join(map(spelt, shapes))
        if any(len(one) != self.axes for one in shapes):
            raise ShapeError(
                f"concat joins examples of {self.axes} axes, and its chains give {given}; write axes={len(shapes[0])}"
            )
        if len({one[1:] for one in shapes}) > 1:
            raise ShapeError(f"concat joins along the first axis, and its chains give {given}: make the others alike")
        return (sum(one[0] for one in shapes), *shapes[0][1:])
