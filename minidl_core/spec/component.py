"""What every component has in common: it knows what it was built with, refuses what does not fit, prints as a spec."""

from __future__ import annotations

import functools
import inspect
import math
import types
import typing
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

from minidl_core.errors import ArgumentError
from minidl_core.spec.conformance import Conformance
from minidl_core.spec.syntax import Argument, Call, Chain, Item, ListValue, Literal, Value


class Component(ABC):
    """Anything that a spec can name.

    A subclass declares its arguments in `__init__`, with type hints and defaults. They are checked against the
    hints when it is built, and kept in `arguments`; `str(component)` is its canonical spec.
    """

    kind: ClassVar[str]
    conformance: ClassVar[Conformance] = Conformance()
    arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> typing.Self:
        component = super().__new__(cls)
        component.arguments = _checked_arguments(cls, args, kwargs)
        return component

    def __init__(self) -> None:
        pass

    @classmethod
    def of(cls, value: typing.Self | str) -> typing.Self:
        """The component itself, or the one that a text is the spec of: `Loss.of("huber(delta=2)")`."""
        if not isinstance(value, str):
            return value
        from minidl_core.spec.builder import build_component

        built: typing.Self = build_component(cls.kind, value)
        return built

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional: list[Any] = []
        keyword = dict(self.arguments)
        for parameter in constructor(type(self)).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional.extend(keyword.pop(parameter.name))
        return tuple(positional), keyword

    def to_spec(self) -> Chain:
        """The canonical syntax tree: what has no default by position, the rest by name where it is not the default."""
        written = []
        variadic = variadic_argument(type(self))
        by_place = before_the_variadic(type(self), self.arguments[variadic] if variadic else ())
        for parameter in constructor(type(self)).parameters.values():
            hint = component_hint(type(self), parameter.name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                written += [Argument(None, to_value(one, hint)) for one in self.arguments[parameter.name]]
                continue
            value = to_value(self.arguments[parameter.name], hint)
            if parameter.default is parameter.empty or parameter in by_place:
                written.append(Argument(None, value))
            elif value != to_value(parameter.default, hint):
                written.append(Argument(parameter.name, value))
        return Chain((Item(Call(spec_name(type(self)), tuple(written))),))

    def __eq__(self, other: object) -> bool:
        """A component equals the syntax tree that spells it, `parse(str(model)) == model`, and else itself alone."""
        return self.to_spec() == other if isinstance(other, Chain) else self is other

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return str(self.to_spec())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


def components_within(component: Component) -> Iterator[Component]:
    """The component itself, and every one that is an argument of it, at any depth."""
    yield component
    for name, value in component.arguments.items():
        kind = component_hint(type(component), name)
        for one in value if isinstance(value, (list, tuple)) else [value]:
            inner = kind.of(one) if kind is not None and one is not None else one
            if isinstance(inner, Component):
                yield from components_within(inner)


def spec_name(component: type[Component]) -> str:
    """The registered name of a class, or the class's own name where it is not registered."""
    from minidl_core.plugins import registry

    registration = registry().of(component)
    return component.__name__ if registration is None else registry().name_to_write(registration)


@functools.cache
def constructor(component: type[Component]) -> inspect.Signature:
    """The signature that a spec of this component is bound to."""
    signature = inspect.signature(component.__init__)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


@functools.cache
def variadic_argument(component: type[Component]) -> str | None:
    """The argument that takes any number of values by position, `layers` of `concat(layers...)`; None for none."""
    parameters = constructor(component).parameters.values()
    return next((one.name for one in parameters if one.kind is one.VAR_POSITIONAL), None)


def before_the_variadic(component: type[Component], several: Sequence[Any]) -> list[inspect.Parameter]:
    """The arguments that are given by their place, where any number of values follows them; none where none follow."""
    parameters = constructor(component).parameters.values()
    return [one for one in parameters if several and one.kind is one.POSITIONAL_OR_KEYWORD]


@functools.cache
def hints(component: type[Component]) -> Mapping[str, Any]:
    """The type hints of the constructor's arguments; none where they cannot be resolved."""
    try:
        return typing.get_type_hints(component.__init__)
    except NameError:
        return {}


def component_hint(component: type[Component], argument: str) -> type[Component] | None:
    """The kind of component that an argument takes, or None: `Initializer` for the `init` of `Linear`."""
    for hint in _alternatives(hints(component).get(argument)):
        if isinstance(hint, type) and issubclass(hint, Component):
            return hint
    return None


def to_value(value: Any, kind: type[Component] | None = None) -> Value:
    """An argument as a node of the syntax tree. A text where a component may stand is the spec of one."""
    if kind is not None:
        value = kind.of(value)
    if isinstance(value, Component):
        return value.to_spec()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ListValue(tuple(to_value(one) for one in value))
    return Literal(value)


def _checked_arguments(component: type[Component], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    signature = constructor(component)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{component.__name__}{_plain(signature)}: {error}") from None
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        for one in value if name == variadic_argument(component) else (value,):
            check_type(component, name, one)
    return dict(bound.arguments)


def check_type(component: type[Component], argument: str, value: Any) -> None:
    """Raise ArgumentError where a value is not of the type that the constructor's hint says."""
    hint = hints(component).get(argument)
    if hint is not None and not _conforms(value, hint):
        raise ArgumentError(f"{argument} must be {_expected(hint)}, got {_shown(value)}", argument)


def _plain(signature: inspect.Signature) -> str:
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(inspect.Signature(bare))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _conforms(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if origin in (typing.Union, types.UnionType):
        return any(_conforms(value, one) for one in arguments)
    if origin is typing.Literal:
        return isinstance(value, str) and value in arguments
    if origin is tuple and Ellipsis not in arguments:
        fits = isinstance(value, Sequence) and len(value) == len(arguments)
        return fits and all(map(_conforms, value, arguments))
    if isinstance(origin, type) and issubclass(origin, Sequence):
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        return is_list and all(_conforms(one, arguments[0]) for one in value)
    return isinstance(value, hint) if isinstance(hint, type) else True


_IN_WORDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def _expected(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_expected(one) for one in arguments)
    if origin is tuple and Ellipsis not in arguments:
        return "[" + ", ".join(_expected(one) for one in arguments) + "]"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list, each {_expected(arguments[0])}"
    if hint is None or hint is type(None):
        return "none"
    if isinstance(hint, type) and issubclass(hint, Component):
        return f"{'an' if hint.kind[0] in 'aeiou' else 'a'} {hint.kind}"
    return _IN_WORDS.get(hint, getattr(hint, "__name__", str(hint)).lower())


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, (bool, type(None))) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."
