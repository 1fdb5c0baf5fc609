"""Several chains side by side."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.branches import Branches
from minidl_extra_layers.examples import require_example_axes, shape_of_examples


class Concat(Branches):
    """y = [f₁(x), f₂(x), …], joined along the first axis of an example: features, or the channels of maps.

    dx = Σ fᵢ'(dyᵢ), dyᵢ the part of dy that fᵢ has given.

    Args:
        layers: the chains, at least one: `concat(linear(_,8), linear(_,8)-tanh)`.
        axes: how many axes an example of x has, 1 for features, 3 for maps `[C, H, W]`. A spec fills it in where the
            shape of the input is known.

    Shapes: x is `[*rounds, N, *example]`, y `[*rounds, N, C₁ + C₂ + …, *rest]`. Raises ShapeError for examples of other
    axes, and where the chains' outputs differ in another axis than the first.

    Source: Szegedy et al. 2015, Going deeper with convolutions, CVPR, section 4.
    """

    axes_argument: ClassVar[str | None] = "axes"
    sizes: list[int] = saved()
    joined: int = saved()
    """The axis along which outputs are joined, counted from the last, -1."""
    conformance = Conformance(
        examples=({"layers": ["linear(3,2)", "linear(3,4)-tanh"]}, {"layers": ["tanh", "linear(3,3)"]}),
        refused=({"layers": []}, {"axes": 0}),
    )

    def __init__(self, *layers: Module, axes: int = 1) -> None:
        super().__init__(*layers)
        require("axes", axes, axes > 0, "at least 1")
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        self.joined = -len(self.output_shape(shape_of_examples(x, self.axes)))
        ys = self.outputs(x)
        rounds_and_rows = max((y.shape[: self.joined] for y in ys), key=len)
        ys = [y.expand(*rounds_and_rows, *y.shape[self.joined :]) for y in ys]
        self.sizes = [y.shape[self.joined] for y in ys]
        return torch.cat(ys, self.joined)

    def backward(self, dy: Tensor) -> Tensor:
        return self.input_gradient(list(torch.split(dy, self.sizes, self.joined)))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_example_axes(self, shape, self.axes)
        shapes = self.output_shapes(shape)
        if len({(len(one), *one[1:]) for one in shapes}) > 1:
            given = " and ".join(map(spelt, shapes))
            raise ShapeError(f"concat joins along the first axis, and its chains give {given}; make the others alike")
        return (sum(one[0] for one in shapes), *shapes[0][1:])
