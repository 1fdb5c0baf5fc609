"""The sum of several chains."""

from __future__ import annotations

import math

from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.nn import Module
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt
from minidl_extra_layers.branches import Branches, added


class Sum(Branches):
    """y = f₁(x) + f₂(x) + …   dx = Σ fᵢ'(dy).

    Args:
        layers: the chains, at least one, whose outputs are of one shape: `sum(linear(_,8)-tanh, linear(_,8))`.

    Shapes: x is `[*rounds, N, *features]`, y `[*rounds, N, *shape of each chain's output]`. Raises ShapeError where
    these differ.

    Source: He et al. 2016, Deep residual learning for image recognition, CVPR, eq. 2, where f₂ is the shortcut.
    """

    conformance = Conformance(
        examples=({"layers": ["linear(3,2)-tanh", "linear(3,2)"]}, {"layers": ["tanh", "linear(3,3)"]}),
        refused=({"layers": []},),
    )

    def __init__(self, *layers: Module) -> None:
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y, *others = self.outputs(x)
        for other in others:
            y = added(y, other, self)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return self.input_gradient([dy] * len(self.layers))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = self.output_shapes(shape)
        if len(set(shapes)) > 1:
            raise ShapeError(f"sum adds outputs of one shape, and its chains give {' and '.join(map(spelt, shapes))}")
        return shapes[0]

    def operations(self, shape: tuple[int, ...]) -> int:
        added = (len(self.layers) - 1) * math.prod(self.output_shape(shape))
        return super().operations(shape) + added
