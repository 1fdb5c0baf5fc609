"""What the components of a training remember."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Generator, Tensor

from minidl_core.errors import ModelFileError
from minidl_core.nn import FlatParameters, Module, Parameter
from minidl_core.nn.saved import saved_names
from minidl_core.optim import Optimizer
from minidl_core.persistence.strict_json import shown
from minidl_core.spec.component import Component
from minidl_core.training.capture.remembered import contents_of_value, is_same
from minidl_core.training.checkpoint.state import State, require_like

NOT_REMEMBERED = ("arguments", "member_by_member", "_flat", "_state")
"""Attributes that are the same in every training of the same request, or that have a place of their own."""

log = logging.getLogger("minidl")


class Components:
    """The attributes of components that are tensors, generators of torch's, or what JSON can say.

    Args:
        components: gives them by place: the loss, the layers of a model, `0`, `hidden.2`.
    """

    def __init__(self, components: Callable[[], Mapping[str, Component]]) -> None:
        self._components = components
        self._others = {one.full_name: contents_of_value(one.value) for one in self._attributes() if one.is_other}
        """What no checkpoint can hold, as it was in the beginning."""

    def state(self) -> State:
        state = State({}, {})
        for one in self._attributes():
            if isinstance(one.value, Tensor):
                state.tensors[one.full_name] = one.value
            elif isinstance(one.value, Generator):
                state.tensors[one.full_name] = one.value.get_state()
            elif not one.is_other:
                state.numbers[one.full_name] = one.value
            elif not is_same(contents_of_value(one.value), self._others.get(one.full_name)):
                self._others[one.full_name] = contents_of_value(one.value)
                kind = type(one.value).__name__
                log.warning(
                    "a training that is resumed will not be the same: %s remembers its '%s' in a %s, and a checkpoint "
                    "holds tensors, generators of torch's, numbers and texts",
                    *(one.component, one.name, kind),
                )
        return state

    def resume(self, state: State) -> None:
        """All of it. Raises ModelFileError where others are there than were kept."""
        known = {one.full_name for one in self._attributes() if not one.is_other}
        kept = {*state.tensors, *state.numbers}
        if lacking := sorted(known - kept):
            raise ModelFileError(f"the checkpoint lacks '{lacking[0]}', which this training remembers")
        if unknown := sorted(kept - known):
            raise ModelFileError(f"nothing in this training remembers '{unknown[0]}', which the checkpoint has")
        for one in self._attributes():
            if not one.is_other:
                one.require_like(state)
        self.resume_present(state)

    def resume_present(self, state: State) -> None:
        """What is there already: some make what they remember when they are first used."""
        for one in list(self._attributes()):
            if isinstance(one.value, Tensor | Generator) and one.full_name in state.tensors:
                one.resume_tensor(state.tensors[one.full_name])
            elif one.full_name in state.numbers and one.value != (given := state.numbers[one.full_name]):
                one.place[one.name] = tuple(given) if isinstance(one.value, tuple) else given

    def _attributes(self) -> Iterator[_Attribute]:
        for path, component in self._components().items():
            yield from _attributes_within(component, f"{path}." if path else "")


class _Attribute(NamedTuple):
    """Something that a component may remember."""

    full_name: str
    """In a checkpoint."""
    place: dict[str, Any]
    name: str
    component: Component

    @property
    def value(self) -> Any:
        return self.place[self.name]

    @property
    def is_other(self) -> bool:
        """Whether no checkpoint can hold it."""
        return not isinstance(self.value, Tensor | Generator) and not _is_plain(self.value)

    def require_like(self, state: State) -> None:
        """Raise ModelFileError where what was kept could not be this one at another moment."""
        name, value = self.full_name, self.value
        if isinstance(value, Tensor) and name in state.tensors:
            require_like(name, state.tensors[name], value)
        elif isinstance(value, Tensor | Generator) != (name in state.tensors):
            raise ModelFileError(f"the checkpoint's '{name}' is no {'tensor' if name in state.numbers else 'number'}")
        elif (
            name in state.numbers and _kind(value) != _kind(given := state.numbers[name]) and None not in (value, given)
        ):
            raise ModelFileError(f"the checkpoint's '{name}' is {shown(given)}, and in this training {shown(value)}")

    def resume_tensor(self, given: Tensor) -> None:
        """Write into a tensor that is there, since a captured step has recorded where it is."""
        if isinstance(self.value, Generator):
            self.value.set_state(given)
        elif self.value.shape == given.shape and self.value.dtype == given.dtype:
            self.value.copy_(given)
        else:
            self.place[self.name] = given.to(self.value.device)


def _attributes_within(component: Component, prefix: str) -> Iterator[_Attribute]:
    own = vars(component)
    without = {*NOT_REMEMBERED, *saved_names(type(component))}
    for name, value in own.items():
        if name in without or isinstance(value, Parameter | FlatParameters | Module) or _are_layers(value):
            continue
        if isinstance(value, Component):
            yield from _attributes_within(value, f"{prefix}{name}.")
        else:
            yield _Attribute(prefix + name, own, name, component)
    if isinstance(component, Optimizer):
        for name in component.state:
            yield _Attribute(f"{prefix}state.{name}", component.state, name, component)


def _are_layers(value: Any) -> bool:
    """Whether these are the layers within a layer, which are components of their own."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(one, Module) for one in value)


def _kind(value: Any) -> type:
    """What a value must be to take the place of another: numbers are alike, and so are lists and tuples."""
    alike = {int: float, tuple: list}
    return alike.get(type(value), type(value))


def _is_plain(value: Any) -> bool:
    """Whether JSON can say it, and means the same."""
    if isinstance(value, list | tuple):
        return all(not isinstance(one, tuple) and _is_plain(one) for one in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and not isinstance(one, tuple) and _is_plain(one) for key, one in value.items())
    return value is None or type(value) in (bool, int, float, str)
