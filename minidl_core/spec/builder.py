"""Syntax tree -> components. Sizes are filled in and checked here, before anything is allocated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from minidl_core.errors import ArgumentError, MinidlError, ShapeError, SpecError, UnknownNameError
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.spec.component import Component, check_type, component_hint, constructor
from minidl_core.spec.limits import MAX_LAYERS, MAX_PARAMETERS
from minidl_core.spec.parser import read
from minidl_core.spec.problems import Problem, spec_error
from minidl_core.spec.signature import signature_of
from minidl_core.spec.syntax import Argument, Broken, Call, Chain, Hole, Item, ListValue, Literal, Span, Value

if TYPE_CHECKING:
    from minidl_core.nn import Module, Sequential

Shape = tuple[int, ...]
_Kind = TypeVar("_Kind", bound=Component)


def build_model(text: str, input_shape: Shape | None = None, outputs: tuple[int, ...] = ()) -> Sequential:
    """Build a model from its spec.

    Args:
        text: a chain of layers, `linear(2,25)-relu-linear(25,_)`.
        input_shape: the shape of one example, without batch and rounds, where it is known.
        outputs: the sizes that the output may have, where they are known; `_` as the last output is the first.

    Raises:
        SpecError: with every problem found.
    """
    chain, problems = read(text)
    builder = _Builder(problems)
    model = builder.model(chain, input_shape, outputs)
    if problems or model is None:
        raise spec_error(text, problems)
    return model


def build_component(kind: str, text: str) -> Any:
    """Build one component of a kind from its spec, `huber(delta=2)`. Raises SpecError with every problem found."""
    chain, problems = read(text)
    component = _Builder(problems).single(kind, chain)
    if problems or component is None:
        raise spec_error(text, problems)
    return component


class _Failed(Exception):
    """A component could not be built; why has been noted."""


class _Builder:
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.failures = 0

    def problem(self, message: str, span: Span, advice: str = "", kind: str = "spec error") -> _Failed:
        self.problems.append(Problem(kind, message, span, advice))
        return self.failed()

    def failed(self) -> _Failed:
        """Something cannot be built, nor what it is part of; why has been noted."""
        self.failures += 1
        return _Failed()

    def is_too_long(self, chain: Chain) -> bool:
        if (count := _expanded(chain)) > MAX_LAYERS:
            self.problem(f"{count} layers, at most {MAX_LAYERS} are built", chain.span, "repeat less")
        return count > MAX_LAYERS

    # -- models ---------------------------------------------------------------------------------------------

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
        except _Failed:
            return [], None

    def layer(
        self, layer_class: type[Module], call: Call, shape: Shape | None, outputs: int | None
    ) -> tuple[list[Module], Shape | None]:
        arguments = self.bind(layer_class, call)
        expected = layer_class.input_argument
        written = arguments.get(expected) if expected else None
        size = written.value if isinstance(written, Literal) and type(written.value) is int else 0
        if shape is None and size > 0 and layer_class.input_axis == -1:
            shape = (size,)
        sizes: dict[str, int] = {}
        if expected and shape is not None and len(shape) >= -layer_class.input_axis:
            sizes[expected] = shape[layer_class.input_axis]
        if layer_class.output_argument and outputs is not None:
            sizes[layer_class.output_argument] = outputs
        if written is not None and size > 0 and (got := sizes.get(expected or "", size)) != size:
            advice = f"write {_with_hole(call, written)} to take what comes"
            raise self.problem(f"{call.name} expects {size} inputs but gets {got}", call.span, advice, "shape error")
        layer = self.construct(layer_class, call, arguments, shape, sizes)
        if shape is None:
            return [layer], None
        try:
            return [layer], layer.output_shape(shape)
        except ShapeError as error:
            raise self.problem(str(error), call.span, kind="shape error") from None
        except Exception as error:
            # As with its constructor: whatever a plugin's layer raises is a problem of this spec.
            message = f"{call.name} does not take inputs of shape {'x'.join(map(str, shape))}"
            raise self.problem(f"{message}: {type(error).__name__}: {error}", call.span, kind="shape error") from error

    def is_sized(self, unit: Call | Chain | Broken) -> bool:
        """Whether a unit has a layer whose output's size is an argument."""
        if isinstance(unit, Chain):
            return any(self.is_sized(item.unit) for item in unit.items)
        if isinstance(unit, Broken):
            return False
        try:
            layer_class = registry().find("layer", unit.name).load()
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

    # -- any component --------------------------------------------------------------------------------------

    def single(self, kind: str, chain: Chain) -> Component | None:
        """The one component that a chain of a kind other than layer must be."""
        [item, *more] = chain.items
        if isinstance(item.unit, Broken):
            self.failed()
            return None
        if self.is_too_long(chain):
            return None
        if more or item.label or item.repeat != 1 or isinstance(item.unit, Chain):
            self.problem(f"expected one {kind}", chain.span, "only layers are joined, grouped, labelled or repeated")
            return None
        try:
            component_class: type[Component] = self.find(kind, item.unit)
            return self.construct(component_class, item.unit, self.bind(component_class, item.unit), None, {})
        except _Failed:
            return None

    def find(self, kind: str, call: Call) -> type[Any]:
        """The class that a call names."""
        try:
            return registry().find(kind, call.name).load()
        except UnknownNameError as error:
            message, _, advice = str(error).partition("; ")
            raise self.problem(message, call.name_span, advice) from None
        except MinidlError as error:
            raise self.problem(str(error), call.name_span) from error

    def bind(self, component_class: type[Component], call: Call) -> dict[str, Value]:
        """The values of a call by the names of the constructor's arguments."""
        parameters = constructor(component_class).parameters
        by_position = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        bound: dict[str, Value] = {}
        failed = False
        for position, argument in enumerate(call.arguments):
            name = argument.name
            if name is None and any(one.name for one in call.arguments[:position]):
                problem = f"{argument.value} has no name but follows an argument that has one", "write name=value"
            elif name is None and position >= len(by_position):
                takes = f"{len(by_position)} argument{'s' * (len(by_position) != 1)}"
                problem = f"{call.name} takes at most {takes}", f"it is {call.name}{signature_of(component_class)}"
            elif name is not None and name not in parameters:
                problem = f"{call.name} has no argument '{name[:40]}'", did_you_mean(name, parameters)
            elif (name or by_position[position]) in bound:
                problem = f"argument '{name}' of {call.name} is given twice", "leave one out"
            else:
                bound[name or by_position[position]] = argument.value
                continue
            failed = True
            self.problem(problem[0], argument.span, problem[1])
        missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in bound]
        if missing and not failed:
            names = ", ".join(f"'{name}'" for name in missing)
            advice = f"it is {call.name}{signature_of(component_class)}"
            self.problem(f"{call.name} lacks {names}", call.span, advice)
        if missing or failed:
            raise _Failed()
        return bound

    def construct(
        self,
        component_class: type[_Kind],
        call: Call,
        arguments: dict[str, Value],
        shape: Shape | None,
        sizes: dict[str, int],
    ) -> _Kind:
        failures = self.failures
        values = {}
        for name, value in arguments.items():
            try:
                values[name] = self.evaluate(component_class, name, value, shape, sizes)
                check_type(component_class, name, values[name])
            except ArgumentError as error:
                self.problem(str(error), value.span)
            except _Failed:
                continue
        if self.failures > failures:
            raise _Failed()
        try:
            return component_class(**values)
        except ArgumentError as error:
            at = arguments.get(error.argument or "")
            raise self.problem(str(error), at.span if at else call.span) from None
        except Exception as error:
            # Whatever a plugin's constructor raises is a problem of this spec, shown at its place.
            raise self.problem(f"{call.name} cannot be built: {type(error).__name__}: {error}", call.span) from error

    def evaluate(
        self, component_class: type[Component], name: str, value: Value, shape: Shape | None, sizes: dict[str, int]
    ) -> Any:
        """A value of the syntax tree as the constructor takes it."""
        kind = component_hint(component_class, name)
        if isinstance(value, Literal) and isinstance(value.value, str) and kind is not None and kind.kind != "layer":
            try:
                return build_component(kind.kind, value.value)
            except SpecError as error:
                raise self.problem(error.problems[0].message, value.span, error.problems[0].advice) from None
        if isinstance(value, Literal):
            return value.value
        if isinstance(value, ListValue):
            return [self.evaluate(component_class, name, one, shape, {}) for one in value.values]
        if isinstance(value, Hole):
            return self.size(component_class, name, value, sizes)
        if kind is None:
            if _is_broken(value):
                raise self.failed()
            return str(value)
        if kind.kind == "layer":
            failures = self.failures
            layers, _ = self.layers(value, shape, None, set())
            if self.failures > failures:
                raise _Failed()
            return self.sequential_class()(*layers)
        built = self.single(kind.kind, value)
        if built is None:
            raise _Failed()
        return built

    def size(self, component_class: type[Component], name: str, hole: Hole, sizes: dict[str, int]) -> int:
        """What `_` stands for."""
        if name in sizes:
            return sizes[name]
        if name == getattr(component_class, "input_argument", None):
            if self.failures:  # of a layer before it, probably
                raise self.failed()
            raise self.problem(f"the size of the input is not known, so '{name}' cannot be '_'", hole.span, "write it")
        if name == getattr(component_class, "output_argument", None):
            raise self.problem(
                f"'{name}' cannot be '_' here: only the last output comes from the data", hole.span, "choose a width"
            )
        raise self.problem(f"'_' stands for a size that fits, and '{name}' is not one", hole.span, "write a value")


def _expanded(chain: Chain) -> int:
    """How many layers a chain has once its repeats are written out, those in arguments of layers included."""
    return sum(item.repeat * _expanded_unit(item.unit) for item in chain.items)


def _expanded_unit(unit: Call | Chain | Broken) -> int:
    if isinstance(unit, Chain):
        return _expanded(unit)
    inner = unit.arguments if isinstance(unit, Call) else ()
    return 1 + sum(_expanded_value(argument.value) for argument in inner)


def _expanded_value(value: Value) -> int:
    if isinstance(value, ListValue):
        return sum(map(_expanded_value, value.values))
    return _expanded(value) if isinstance(value, Chain) else 0


def _is_broken(chain: Chain) -> bool:
    """Whether some of a chain could not be read."""
    units = [item.unit for item in chain.items]
    return any(isinstance(unit, Broken) or (isinstance(unit, Chain) and _is_broken(unit)) for unit in units)


def _with_hole(call: Call, written: Value) -> Call:
    """The call with `_` in place of one of its arguments."""
    return replace(
        call, arguments=tuple(Argument(a.name, Hole() if a.value is written else a.value) for a in call.arguments)
    )


def _sizes(shape: Shape) -> str:
    return "1 output" if shape == (1,) else "x".join(map(str, shape)) + (" outputs" if len(shape) == 1 else " values")
