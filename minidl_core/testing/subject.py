"""What is checked: a component's class, and the arguments that it is built with."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from minidl_core.errors import PluginError, RequestError, SpecError
from minidl_core.foreign import foreign_code
from minidl_core.nn import Initializer, Module, Sequential
from minidl_core.plugins import registry
from minidl_core.spec import build_component, build_model
from minidl_core.spec.component import Component, component_hint, constructor, hints, spec_name, to_value
from minidl_core.spec.conformance import Conformance
from minidl_core.testing.result import CheckFailed, Skipped

C = TypeVar("C", bound=Component)
MADE_UP_SIZE = 4


@dataclass(frozen=True)
class Subject(Generic[C]):
    """A component's class with one choice of arguments."""

    component_class: type[C]
    arguments: Mapping[str, Any]
    conformance: Conformance
    varies: Subject[C] | None = None
    """The one that this is a variation of, by one argument."""

    def build(self, **changed: Any) -> C:
        """A new component with these arguments, some of them changed."""
        arguments = {**self.arguments, **changed}
        parameters = constructor(self.component_class).parameters
        positional: list[Any] = []
        keyword: dict[str, Any] = {}
        for name, given in arguments.items():
            value = self._with_layers(name, given)
            if name in parameters and parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
                positional += value if isinstance(value, (list, tuple)) else [value]
            else:
                keyword[name] = value
        return self.component_class(*positional, **keyword)

    def _with_layers(self, name: str, value: Any) -> Any:
        """A value with the layers that texts in it are the specs of."""
        hint = component_hint(self.component_class, name)
        if hint is None or not issubclass(hint, Module):
            return value
        if isinstance(value, (list, tuple)):
            return [self._with_layers(name, one) for one in value]
        return build_model(value) if isinstance(value, str) else value

    @property
    def is_registered(self) -> bool:
        return registry().of(self.component_class) is not None

    def require_registered(self) -> None:
        """Skip what needs a name that a spec can say."""
        if not self.is_registered:
            raise Skipped("it is not registered, so no spec can name it")

    def from_spec(self, text: str) -> C:
        """The component that a spec builds. Raises CheckFailed where that is another."""
        if self.component_class.kind != "layer":
            built: C = build_component(self.component_class.kind, text)
            return built
        model = build_model(text)
        if issubclass(self.component_class, Sequential) and type(model) is self.component_class:
            return model
        if len(model) != 1 or not isinstance(model[0], self.component_class):
            raise CheckFailed(f"'{text}' builds {model!r}")
        return model[0]

    def __str__(self) -> str:
        try:
            with foreign_code():
                return str(self.build())
        except PluginError:
            name = spec_name(self.component_class)
            return name + (f"({_written(self.arguments)})" if self.arguments else "")


class FromSpec(Subject[C]):
    """A subject whose components are built from the spec that the component itself is written as."""

    def build(self, **changed: Any) -> C:
        return self.from_spec(str(super().build(**changed)))


def subjects(component_class: type[C], conformance: Conformance) -> list[Subject[C]]:
    """The class with each choice of arguments that it is checked with, the first of them without variation."""
    declared = list(conformance.examples) or [_sizes(component_class, conformance)]
    first = Subject(component_class, declared[0], conformance)
    return [
        first,
        *(Subject(component_class, one, conformance) for one in declared[1:]),
        *(Subject(component_class, one, conformance, first) for one in _variations(first, declared)),
    ]


def _sizes(component_class: type[Component], conformance: Conformance, smallest: bool = False) -> dict[str, Any]:
    """The arguments that a layer says are sizes."""
    sizes: dict[str, Any] = {}
    if issubclass(component_class, Module):
        axis, shape = component_class.input_axis, conformance.input_shape
        if component_class.input_argument:
            if len(shape) < -axis:
                raise RequestError(
                    f"{component_class.__name__} takes its size from axis {axis} of an example, and "
                    f"Conformance(input_shape={shape}) has no such axis; declare another"
                )
            sizes[component_class.input_argument] = 1 if smallest else shape[axis]
        if component_class.output_argument:
            sizes[component_class.output_argument] = 1 if smallest else MADE_UP_SIZE
        if component_class.axes_argument:
            sizes[component_class.axes_argument] = len(shape)
    return sizes


def _variations(first: Subject[Any], declared: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first choice of arguments with one of them changed, for each that no declared choice changes."""
    component_class: type[Component] = first.component_class
    smallest = _sizes(component_class, first.conformance, smallest=True)
    if smallest and getattr(component_class, "input_axis", None) == -1 and not first.conformance.examples:
        yield {**first.arguments, **smallest}
    given = {name for one in declared for name in one}
    for name, parameter in constructor(component_class).parameters.items():
        if name in given or parameter.default is parameter.empty or parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if name == getattr(component_class, "axes_argument", None):
            continue  # it is what the inputs are, and no choice
        for value in _others(component_class, name, parameter.default):
            try:
                with foreign_code(RequestError):
                    first.build(**{name: value})
            except RequestError:
                continue
            except PluginError:
                pass  # the checks will say so
            yield {**first.arguments, name: value}
            break


def _others(component_class: type[Component], name: str, default: Any) -> Iterator[Any]:
    """Values of an argument that are not its default, likely ones first."""
    hint = hints(component_class).get(name)
    kind = component_hint(component_class, name)
    if isinstance(default, bool):
        yield not default
    elif typing.get_origin(hint) is typing.Literal:
        yield from (choice for choice in typing.get_args(hint) if choice != default)
    elif isinstance(default, int) and hint is int:
        yield from (7, default + 1)
    elif isinstance(default, (int, float)):
        yield from (value for value in (default / 2, 0.25, 2 * default, default + 0.5) if value != default)
    elif kind is Initializer:
        yield from (spec for spec in ("normal(std=0.3)", "xavier_uniform") if spec != default)
    elif isinstance(default, (list, tuple)):
        yield [value / 2 for value in default if isinstance(value, float)]


def sample(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, the same at each call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def _written(arguments: Mapping[str, Any]) -> str:
    try:
        return ",".join(f"{name}={to_value(value)}" for name, value in arguments.items())
    except (TypeError, SpecError):
        return ",".join(arguments)
