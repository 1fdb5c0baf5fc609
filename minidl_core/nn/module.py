"""The base class of all layers."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor

from minidl_core.errors import ArgumentError, require
from minidl_core.nn.parameter import FlatParameters, Parameter
from minidl_core.registry import NAME
from minidl_core.spec.component import Component


class Module(Component):
    """A layer: a formula, `forward`, and its derivative, `backward`.

    Every tensor is `[*rounds, batch, *features]`. A formula written with `@`, `.mT`, `sum(-2)` and elementwise
    operations serves any number of rounds at once, since the round axes stand in front.

    Parameters are attributes of type `Parameter`, and layers within are attributes of type `Module`.
    """

    kind: ClassVar[str] = "layer"

    input_argument: ClassVar[str | None] = None
    """The argument that is the size of the input (along `input_axis`), which `_` takes from the layer before."""
    input_axis: ClassVar[int] = -1
    """Of an example: -1 is the last, the features; 0 the first, the channels of maps `[C, H, W]`."""
    axes_argument: ClassVar[str | None] = None
    """The argument that is how many axes an example has, 1 for features, 3 for maps `[C, H, W]`: where a spec leaves it
    out and the layer before says it, it is filled in."""
    output_argument: ClassVar[str | None] = None
    """The argument that is the size of the output, which `_` in the last layer takes from the data."""

    takes_rounds: ClassVar[bool] = True
    """Whether the formulas take any number of round axes in front. With False the rounds of a model with such a layer
    are computed one after the other, each by itself."""

    training: bool = True
    """Whether outputs are for training, or for evaluation, where nothing is drawn and rows are independent."""
    label: str | None = None
    member_by_member: list[Module] | None = None
    """What computes the rounds where layers take no round axis, in a list, so that it is no layer within this one."""
    _flat: FlatParameters | None = None

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The output for the input `x`; keeps what `backward` needs."""

    @abstractmethod
    def backward(self, dy: Tensor) -> Tensor:
        """The gradient of the loss with respect to the last input, given `dy`, that with respect to the output.

        Sets the gradients of the parameters (and does not add to them). Raises CallOrderError before `forward`.
        """

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the output for one example of this shape, without batch and rounds.

        Raises ShapeError where the layer does not take it.
        """
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one example that the layer takes, where its arguments say so; None where they do not."""
        has_one_axis = self.axes_argument is None or self.arguments[self.axes_argument] == 1
        if self.input_argument is None or self.input_axis != -1 or not has_one_axis:
            return None
        return (self.arguments[self.input_argument],)

    def operations(self, shape: tuple[int, ...]) -> int:
        """How many additions and multiplications (or other functions) `forward` takes for one example."""
        return math.prod(self.output_shape(shape))

    def train(self, mode: bool = True) -> Self:
        """Set the layer, and every one within it, to training, or with False to evaluation."""
        for layer in self.layers_within().values():
            layer.training = mode
        return self

    def eval(self) -> Self:
        """Set the layer, and every one within it, to evaluation."""
        return self.train(False)

    # -- parameters -----------------------------------------------------------------------------------------

    def param(self) -> list[tuple[Tensor, Tensor]] | None:
        """The pairs of value and gradient of each parameter; None where there are none."""
        return [(parameter.value, parameter.grad) for parameter in self.named_parameters().values()] or None

    def update_param(self, lr: float) -> None:
        """One plain step of gradient descent on the module's own parameters: w -= lr g."""
        for value, grad in self.param() or []:
            value.sub_(lr * grad)

    def named_parameters(self) -> dict[str, Parameter]:
        """Every parameter by its place in the model: `0.weight`, `hidden.2.bias`."""
        named = {}
        for place, layer in self.layers_within().items():
            for name, value in vars(layer).items():
                if isinstance(value, Parameter):
                    named[f"{place}.{name}" if place else name] = value
        if len({id(parameter) for parameter in named.values()}) < len(named):
            raise ArgumentError("two layers share a parameter, and each would set its gradient; build a second one")
        return named

    def layers_within(self) -> dict[str, Module]:
        """The layer itself, `""`, and every one within it, at any depth, by its place: `0`, `hidden.2`.

        Raises ArgumentError where a layer, or a label, stands there twice.
        """
        found: dict[str, Module] = {}
        seen: set[int] = set()
        waiting: list[tuple[str, Module]] = [("", self)]
        while waiting:
            place, layer = waiting.pop()
            if place in found:
                raise ArgumentError(f"label '{place}' is given twice; labels in one chain must differ", "label")
            if id(layer) in seen:
                raise ArgumentError(f"{layer!r} stands in the model twice; build a second one")
            seen.add(id(layer))
            found[place] = layer
            children = [(f"{place}.{name}" if place else name, child) for name, child in layer.children()]
            waiting += reversed(children)
        return found

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers directly within this one, by name."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    @property
    def parameters(self) -> FlatParameters:
        """The parameters of the model as one flat tensor. Ask the whole model for it, not a layer within."""
        if self._flat is None or not self._flat.holds(self.named_parameters().values()):
            self._flat = FlatParameters(self.named_parameters())
        return self._flat

    def initialize(
        self, seeds: Sequence[int], *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> Self:
        """Draw new weights, those of each round from its own seed; several seeds give a leading round axis.

        Raises ArgumentError where there is no seed.
        """
        require("seeds", list(seeds), len(seeds) > 0, "at least one")
        self._flat = FlatParameters(self.named_parameters(), seeds=seeds, dtype=dtype, device=device)
        return self

    def allocate(self, rounds: tuple[int, ...], *, dtype: torch.dtype = torch.float32) -> Self:
        """Take memory for weights, all 0, that are written afterwards: nothing is drawn."""
        self._flat = FlatParameters(self.named_parameters(), rounds=rounds, dtype=dtype)
        return self

    def labelled(self, label: str) -> Self:
        """Give the layer a name within its chain: `hidden:linear(2,25)`."""
        require("label", label, NAME.fullmatch(label) is not None, "lower case letters, digits and _")
        self.label = label
        return self
