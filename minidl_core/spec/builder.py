"""Syntax tree -> components. Sizes are filled in and checked here, before anything is allocated."""

from __future__ import annotations

from dataclasses import replace
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from minidl_core.errors import MinidlError, ShapeError
from minidl_core.plugins import registry
from minidl_core.spec.calls import NO_NAMES, CallBuilder, Failed, Names
from minidl_core.spec.component import constructor
from minidl_core.spec.limits import MAX_PARAMETERS
from minidl_core.spec.parser import read
from minidl_core.spec.problems import spec_error
from minidl_core.spec.shape import Shape, spelt
from minidl_core.spec.syntax import Argument, Broken, Call, Chain, Hole, Item, Literal, Value

if TYPE_CHECKING:
    from minidl_core.nn import Module, Sequential


def build_model(
    text: str, input_shape: Shape | None = None, outputs: tuple[int, ...] = (), names: Names = NO_NAMES
) -> Sequential:
    """Build a model from its spec.

    Args:
        text: a chain of layers, `linear(2,25)-relu-linear(25,_)`.
        input_shape: the shape of one example, without batch and rounds, where it is known.
        outputs: the sizes that the output may have, where they are known; `_` as the last output is the first.
        names: qualified names for names that are registered by several plugins, or by another than is meant.

    Raises:
        SpecError: with every problem found.
    """
    chain, problems = read(text)
    builder = _ModelBuilder(problems, names)
    model = builder.model(chain, input_shape, outputs)
    if problems or model is None:
        raise spec_error(text, problems)
    return model


def build_component(kind: str, text: str, names: Names = NO_NAMES) -> Any:
    """Build one component of a kind from its spec, `huber(delta=2)`. Raises SpecError with every problem found."""
    chain, problems = read(text)
    component = _ModelBuilder(problems, names).single(kind, chain)
    if problems or component is None:
        raise spec_error(text, problems)
    return component


class _ModelBuilder(CallBuilder):
    """Builds chains of layers, each for the shape that the one before gives."""

    def model(self, chain: Chain, shape: Shape | None, outputs: tuple[int, ...]) -> Sequential | None:
        if self.is_too_long(chain):
            return None
        layers, given = self.layers(chain, shape, outputs[0] if outputs else None, set())
        if self.problems:
            return None
        sequential = self.sequential_class()(*layers)
        parameters = sum(parameter.size for parameter in sequential.named_parameters().values())
        if parameters > MAX_PARAMETERS:
            self.problem(
                f"{parameters:.3g} parameters, at most {MAX_PARAMETERS:.0e} are built", chain.span, "make it smaller"
            )
        if outputs and given is not None and given not in [(size,) for size in outputs]:
            needed = " or ".join(map(str, outputs))
            advice = "write _ for the last size to take what the data needs"
            self.problem(
                f"the model gives {_sizes(given)} but the data needs {needed}",
                chain.items[-1].span,
                advice,
                "shape error",
            )
        return sequential

    def layers(
        self, chain: Chain, shape: Shape | None, outputs: int | None, labels: set[str]
    ) -> tuple[list[Module], Shape | None]:
        """The layers of a chain, and the shape that comes out (None: not known).

        `labels` are those given so far in the chain that these layers will be part of.
        """
        items = [item for item in chain.items for _ in range(item.repeat)]
        last_sized = max((index for index, item in enumerate(items) if self.is_sized(item.unit)), default=None)
        layers: list[Module] = []
        position = 0
        for item in chain.items:
            built: list[Module] = []
            within = labels if item.label is None else set()
            failures = self.failures
            for _ in range(item.repeat):
                more, shape = self.unit(item.unit, shape, outputs if position == last_sized else None, within)
                built += more
                position += 1
            if item.label is not None and item.label in labels:
                self.problem(f"label '{item.label}' is given twice", item.span, "labels in one chain must differ")
            if item.label is not None and self.failures == failures:
                is_group = isinstance(item.unit, Chain) or len(built) > 1 or built[0].label is not None
                whole = self.sequential_class()(*built) if is_group else built[0]
                built = [whole.labelled(item.label)]
            if item.label is not None:
                labels.add(item.label)
            layers += built
        return layers, shape

    def unit(
        self, unit: Call | Chain | Broken, shape: Shape | None, outputs: int | None, labels: set[str]
    ) -> tuple[list[Module], Shape | None]:
        if isinstance(unit, Broken):
            self.failed()
            return [], None
        if isinstance(unit, Chain):
            return self.layers(unit, shape, outputs, labels)
        try:
            layer_class = self.find("layer", unit)
            if layer_class is self.sequential_class():
                return self.layers(self.as_group(unit), shape, outputs, labels)
            return self.layer(layer_class, unit, shape, outputs)
        except Failed:
            return [], None

    def layer(
        self, layer_class: type[Module], call: Call, shape: Shape | None, outputs: int | None
    ) -> tuple[list[Module], Shape | None]:
        arguments = self.bind(layer_class, call)
        axes = layer_class.axes_argument
        if axes is not None and axes not in arguments and shape is not None:
            arguments[axes] = Literal(len(shape), call.span)
        expected = layer_class.input_argument
        written = arguments.get(expected) if expected else None
        size = written.value if isinstance(written, Literal) and type(written.value) is int else 0
        if isinstance(written, Hole) and shape is not None and len(shape) < -layer_class.input_axis:
            message = f"{call.name} takes examples of {-layer_class.input_axis} axes, and gets {spelt(shape)}"
            as_in = ",".join(["1"] + ["8"] * (-layer_class.input_axis - 1))
            advice = f"give them another shape before it, as reshape({as_in}) does"
            raise self.problem(message, call.span, advice, "shape error")
        sizes: dict[str, int] = {}
        if expected and shape and len(shape) >= -layer_class.input_axis:
            sizes[expected] = shape[layer_class.input_axis]
        if layer_class.output_argument and outputs is not None:
            sizes[layer_class.output_argument] = outputs
        # A size that may be left out need not be that of the input, and the layer itself says what it takes.
        is_size = bool(expected) and constructor(layer_class).parameters[expected or ""].default is Parameter.empty
        if is_size and size > 0 and written is not None and (got := sizes.get(expected or "", size)) != size:
            advice = f"write {_with_hole(call, written)} to take what comes"
            raise self.problem(f"{call.name} expects {size} inputs but gets {got}", call.span, advice, "shape error")
        layer = self.construct(layer_class, call, arguments, shape, sizes)
        try:
            if shape is None:
                shape = layer.input_shape()
            return [layer], None if shape is None else layer.output_shape(shape)
        except ShapeError as error:
            raise self.problem(str(error), call.span, kind="shape error") from None
        except Exception as error:
            # As with its constructor: whatever a plugin's layer raises is a problem of this spec.
            message = f"{call.name} does not take inputs of shape {spelt(shape or ())}"
            raise self.problem(f"{message}: {type(error).__name__}: {error}", call.span, kind="shape error") from error

    def chain(self, chain: Chain, shape: Shape | None) -> Sequential:
        failures = self.failures
        layers, _ = self.layers(chain, shape, None, set())
        if self.failures > failures:
            raise Failed()
        return self.sequential_class()(*layers)

    def is_sized(self, unit: Call | Chain | Broken) -> bool:
        """Whether a unit has a layer whose output's size is an argument."""
        if isinstance(unit, Chain):
            return any(self.is_sized(item.unit) for item in unit.items)
        if isinstance(unit, Broken):
            return False
        try:
            layer_class = self.registered("layer", unit.name).load()
        except MinidlError:
            return False
        if layer_class is self.sequential_class():
            return any(isinstance(one.value, Chain) and self.is_sized(one.value) for one in unit.arguments)
        return getattr(layer_class, "output_argument", None) is not None

    def sequential_class(self) -> type[Sequential]:
        found: type[Sequential] = registry().find("layer", "sequential").load()
        return found

    def as_group(self, call: Call) -> Chain:
        """`sequential(a-b, c)` is `(a-b-c)`."""
        items: list[Item] = []
        for argument in call.arguments:
            if argument.name is not None or not isinstance(argument.value, Chain):
                raise self.problem("sequential takes layers, and nothing else", argument.span, "as in sequential(a-b)")
            items += argument.value.items
        if not items:
            raise self.problem("sequential takes at least one layer", call.span)
        return Chain(tuple(items), call.span)


def _with_hole(call: Call, written: Value) -> Call:
    """The call with `_` in place of one of its arguments."""
    return replace(
        call, arguments=tuple(Argument(a.name, Hole() if a.value is written else a.value) for a in call.arguments)
    )


def _sizes(shape: Shape) -> str:
    return "1 output" if shape == (1,) else spelt(shape) + (" outputs" if len(shape) == 1 else " values")
