"""What the combinators have in common that give the same inputs to several chains."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module


class Branches(Module):
    """Several chains with the same inputs; what becomes of their outputs a subclass says."""

    def __init__(self, *layers: Module) -> None:
        require("layers", list(layers), len(layers) > 0, "at least one chain of layers")
        self.layers = list(layers)

    def outputs(self, x: Tensor) -> list[Tensor]:
        return [layer.forward(x) for layer in self.layers]

    def input_gradient(self, dys: list[Tensor]) -> Tensor:
        """dx = Σ dxᵢ, each the gradient that a chain gives for its own dyᵢ."""
        first, *others = (layer.backward(dy) for layer, dy in zip(self.layers, dys, strict=True))
        for dx in others:
            first = first + dx
        return first

    def output_shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [layer.output_shape(shape) for layer in self.layers]

    def children(self) -> Iterator[tuple[str, Module]]:
        for index, layer in enumerate(self.layers):
            yield layer.label or str(index), layer

    def input_shape(self) -> tuple[int, ...] | None:
        shapes = (layer.input_shape() for layer in self.layers)
        return next((shape for shape in shapes if shape is not None), None)

    def operations(self, shape: tuple[int, ...]) -> int:
        return sum(layer.operations(shape) for layer in self.layers)


def added(one: Tensor, other: Tensor, layer: Module) -> Tensor:
    """The sum of two outputs; where only one has round axes the other is that of each round.

    Raises ShapeError for outputs of other shapes, which are not broadcast.
    """
    axes = min(one.dim(), other.dim())
    if one.shape[-axes:] != other.shape[-axes:]:
        raise ShapeError(f"{layer} cannot add {list(other.shape)} to {list(one.shape)}")
    return one + other
