"""What is checked: a component's class, and the arguments that it is built with."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from minidl_core.errors import SpecError
from minidl_core.nn import Module, Sequential
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
            return str(self.build())
        except Exception:
            name = spec_name(self.component_class)
            return name + (f"({_written(self.arguments)})" if self.arguments else "")


def subjects(component_class: type[C], conformance: Conformance) -> list[Subject[C]]:
    """The class with each choice of arguments that it is checked with."""
    examples = conformance.examples or _made_up(component_class, conformance)
    return [Subject(component_class, example, conformance) for example in examples]


def _made_up(component_class: type[Component], conformance: Conformance) -> Iterator[dict[str, Any]]:
    """The defaults, each flag turned and each choice taken; sizes where a layer says which arguments are sizes."""
    sizes: dict[str, Any] = {}
    if issubclass(component_class, Module):
        if component_class.input_argument:
            sizes[component_class.input_argument] = conformance.input_shape[component_class.input_axis]
        if component_class.output_argument:
            sizes[component_class.output_argument] = MADE_UP_SIZE
    yield sizes
    for name, parameter in constructor(component_class).parameters.items():
        hint = hints(component_class).get(name)
        if hint is bool and parameter.default is not parameter.empty:
            yield {**sizes, name: not parameter.default}
        if typing.get_origin(hint) is typing.Literal:
            yield from ({**sizes, name: choice} for choice in typing.get_args(hint) if choice != parameter.default)


def sample(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, the same at each call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def _written(arguments: Mapping[str, Any]) -> str:
    try:
        return ",".join(f"{name}={to_value(value)}" for name, value in arguments.items())
    except (TypeError, SpecError):
        return ",".join(arguments)
