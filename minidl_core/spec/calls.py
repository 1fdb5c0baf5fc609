"""One call of the syntax tree -> the component that it names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from minidl_core.errors import ArgumentError, MinidlError, PluginError, SpecError, UnknownNameError
from minidl_core.foreign import foreign_code
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.registry import CORE, Registration
from minidl_core.spec.component import (
    Component,
    before_the_variadic,
    check_type,
    component_hint,
    constructor,
    variadic_argument,
)
from minidl_core.spec.limits import MAX_LAYERS
from minidl_core.spec.problems import Problem
from minidl_core.spec.shape import Shape
from minidl_core.spec.signature import signature_of
from minidl_core.spec.syntax import Broken, Call, Chain, Hole, ListValue, Literal, Span, Value, layer_count

Names = Mapping[tuple[str, str], str]
"""What a name of a kind stands for, where it is not what is registered under it: its qualified name."""
NO_NAMES: Names = MappingProxyType({})
_Kind = TypeVar("_Kind", bound=Component)


class Failed(Exception):
    """A component could not be built; why has been noted."""


class CallBuilder(ABC):
    """Builds the component that a call names; collects what is wrong with it."""

    def __init__(self, problems: list[Problem], names: Names) -> None:
        self.problems = problems
        self.names = names
        self.failures = 0

    def problem(self, message: str, span: Span, advice: str = "", kind: str = "spec error") -> Failed:
        self.problems.append(Problem(kind, message, span, advice))
        return self.failed()

    def failed(self) -> Failed:
        """Something cannot be built, nor what it is part of; why has been noted."""
        self.failures += 1
        return Failed()

    def is_too_long(self, chain: Chain) -> bool:
        if (count := layer_count(chain)) > MAX_LAYERS:
            self.problem(f"{count} layers, at most {MAX_LAYERS} are built", chain.span, "repeat less")
        return count > MAX_LAYERS

    @abstractmethod
    def chain(self, chain: Chain, shape: Shape | None) -> Component:
        """The layers of a chain that is an argument, for inputs of this shape."""

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
        except Failed:
            return None

    def find(self, kind: str, call: Call) -> type[Any]:
        """The class that a call names."""
        registry()  # outside of `try`: a plugin that must not fail, and does, is no problem of the spec
        try:
            return self.registered(kind, call.name).load()
        except UnknownNameError as error:
            message, _, advice = str(error).partition("; ")
            raise self.problem(message, call.name_span, advice) from None
        except MinidlError as error:
            raise self.problem(str(error), call.name_span) from error

    def registered(self, kind: str, name: str) -> Registration:
        """What a name stands for."""
        return registry().find(kind, self.names.get((kind, name), name))

    def bind(self, component_class: type[Component], call: Call) -> dict[str, Value]:
        """The values of a call by the names of the constructor's arguments."""
        parameters = constructor(component_class).parameters
        by_position = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        variadic = variadic_argument(component_class)
        bound: dict[str, Value] = {}
        rest: list[Value] = []
        failed = False
        for position, argument in enumerate(call.arguments):
            name = argument.name
            if name is None and any(one.name for one in call.arguments[:position]):
                problem = f"{argument.value} has no name but follows an argument that has one", "write name=value"
            elif name is None and position >= len(by_position) and variadic is not None:
                rest.append(argument.value)
                continue
            elif name is None and position >= len(by_position):
                takes = f"{len(by_position)} argument{'s' * (len(by_position) != 1)}"
                problem = f"{call.name} takes at most {takes}", f"it is {call.name}{signature_of(component_class)}"
            elif name is not None and (name not in parameters or name == variadic):
                problem = f"{call.name} has no argument '{name[:40]}'", did_you_mean(name, parameters)
            elif (name or by_position[position]) in bound:
                problem = f"argument '{name}' of {call.name} is given twice", "leave one out"
            else:
                bound[name or by_position[position]] = argument.value
                continue
            failed = True
            self.problem(problem[0], argument.span, problem[1])
        if variadic is not None:
            bound[variadic] = ListValue(tuple(rest), call.span)
        missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in bound]
        if missing and not failed:
            names = ", ".join(f"'{name}'" for name in missing)
            advice = f"it is {call.name}{signature_of(component_class)}"
            self.problem(f"{call.name} lacks {names}", call.span, advice)
        if missing or failed:
            raise Failed()
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
        variadic = variadic_argument(component_class)
        values: dict[str, Any] = {}
        several: list[Any] = []
        for name, value in arguments.items():
            for one in value.values if name == variadic and isinstance(value, ListValue) else [value]:
                try:
                    built = self.evaluate(component_class, name, one, shape, sizes)
                    check_type(component_class, name, built)
                except ArgumentError as error:
                    self.problem(str(error), one.span)
                except Failed:
                    continue
                else:
                    if name == variadic:
                        several.append(built)
                    else:
                        values[name] = built
        if self.failures > failures:
            raise Failed()
        try:
            with foreign_code(ArgumentError):
                before = [values.pop(p.name, p.default) for p in before_the_variadic(component_class, several)]
                return component_class(*before, *several, **values)
        except ArgumentError as error:
            at = arguments.get(error.argument or "")
            raise self.problem(str(error), at.span if at else call.span) from None
        except PluginError as error:
            # Whatever a plugin's constructor raises is a problem of this spec, shown at its place.
            raise self.problem(f"{_whose(component_class, call)} cannot be built: {error}", call.span) from error

    def evaluate(
        self, component_class: type[Component], name: str, value: Value, shape: Shape | None, sizes: dict[str, int]
    ) -> Any:
        """A value of the syntax tree as the constructor takes it."""
        kind = component_hint(component_class, name)
        if isinstance(value, Literal) and isinstance(value.value, str) and kind is not None and kind.kind != "layer":
            try:
                return kind.of(value.value)
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
            return self.chain(value, shape)
        built = self.single(kind.kind, value)
        if built is None:
            raise Failed()
        return built

    def size(self, component_class: type[Component], name: str, hole: Hole, sizes: dict[str, int]) -> int:
        """What `_` stands for."""
        if name in sizes:
            return sizes[name]
        if name == getattr(component_class, "input_argument", None):
            if self.failures:  # of a layer before it, probably
                raise self.failed()
            raise self.problem(
                f"the size of the input is not known, so '{name}' cannot be '_'",
                hole.span,
                "write it, or give the input's (describe: --input)",
            )
        if name == getattr(component_class, "output_argument", None):
            raise self.problem(
                f"'{name}' cannot be '_' here: only the last output comes from the data", hole.span, "choose a width"
            )
        raise self.problem(f"'_' stands for a size that fits, and '{name}' is not one", hole.span, "write a value")


def _whose(component_class: type[Component], call: Call) -> str:
    """The name of a component and, where that is a plugin's, who brings it."""
    registration = registry().of(component_class)
    if registration is None or registration.provider.plugin == CORE:
        return call.name
    return f"{call.name} of {registration.provider.distribution} {registration.provider.version}"


def _is_broken(chain: Chain) -> bool:
    """Whether some of a chain could not be read."""
    units = [item.unit for item in chain.items]
    return any(isinstance(unit, Broken) or (isinstance(unit, Chain) and _is_broken(unit)) for unit in units)
