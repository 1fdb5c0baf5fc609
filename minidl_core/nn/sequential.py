"""One layer after the other."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn.module import Module
from minidl_core.spec.conformance import Conformance
from minidl_core.spec.syntax import Chain, Item


class Sequential(Module):
    """y = fₙ(… f₂(f₁(x))).

    dx by the chain rule, from the last layer to the first. A chain within a chain is joined into it, unless it
    has a label: `a-(b-c)` is `a-b-c`.
    """

    conformance = Conformance(
        examples=({"layers": ["linear(3,4)", "tanh", "linear(4,2)"]}, {"layers": ["relu"]}), refused=({"layers": []},)
    )

    def __init__(self, *layers: Module) -> None:
        require("layers", list(layers), len(layers) > 0, "at least one layer")
        self.layers: list[Module] = []
        for layer in layers:
            # A subclass may have a formula of its own, and stays what it is.
            self.layers += layer.layers if type(layer) is Sequential and layer.label is None else [layer]
        self.layers_within()  # refuses a layer, or a label, that is there twice

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def children(self) -> Iterator[tuple[str, Module]]:
        for index, layer in enumerate(self.layers):
            yield layer.label or str(index), layer

    def __getitem__(self, key: int | str) -> Module:
        """A layer by its place or its label."""
        if isinstance(key, int):
            return self.layers[key]
        return dict(self.children())[key]

    def __len__(self) -> int:
        return len(self.layers)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        for index, layer in enumerate(self.layers):
            if (shape := layer.input_shape()) is not None:
                return shape if _keep(self.layers[:index], shape) else None
        return None

    def operations(self, shape: tuple[int, ...]) -> int:
        total = 0
        for layer in self.layers:
            total += layer.operations(shape)
            shape = layer.output_shape(shape)
        return total

    def to_spec(self) -> Chain:
        if type(self) is not Sequential:
            return super().to_spec()
        items: list[Item] = []
        for layer in self.layers:
            spec = layer.to_spec()
            if layer.label is None:
                items += spec.items
            elif type(layer) is Sequential:
                items.append(Item(spec, layer.label))
            else:
                items.append(Item(spec.items[0].unit, layer.label))
        return Chain(tuple(items))


def _keep(layers: list[Module], shape: tuple[int, ...]) -> bool:
    """Whether layers give examples of this shape as they come, so that it is the shape of what they are given."""
    try:
        return all(layer.output_shape(shape) == shape for layer in layers)
    except ShapeError:
        return False
