"""What the components of a training remember."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import Generator, Tensor

from minidl_core.errors import ModelFileError
from minidl_core.nn import FlatParameters, Module, Parameter
from minidl_core.nn.saved import saved_names
from minidl_core.optim import Optimizer
from minidl_core.persistence.strict_json import shown
from minidl_core.schedules import Schedule
from minidl_core.spec.component import Component
from minidl_core.training.capture.remembered import contents_of_value, is_same
from minidl_core.training.checkpoint.state import State

NOT_REMEMBERED = ("arguments", "member_by_member", "_flat", "_state")
"""Attributes that are the same in every training of the same request, or that have a place of their own."""

log = logging.getLogger("minidl")


class Components:
    """The attributes of components that are tensors, generators of torch's, or what JSON can say.

    Args:
        components: gives them by place: the loss, the layers of a model, `0`, `hidden.2`.
        rounds: the round axes of the training.
    """

    def __init__(self, components: Callable[[], Mapping[str, Component]], rounds: tuple[int, ...]) -> None:
        self._components, self._rounds = components, rounds
        self._others = {
            # A tensor is written into where it is, which its contents would not show.
            one.full_name: None if _has_tensors(one.value) else contents_of_value(one.value)
            for one in self._attributes()
            if one.is_other
        }
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
        if twice := sorted(state.tensors.keys() & state.numbers.keys()):
            raise ModelFileError(f"the checkpoint has '{twice[0]}' as a tensor and as a number")
        for one in list(self._attributes()):
            if not one.is_other:
                one.require_like(state, self._rounds)
                one.resume(state)

    def resume_present(self, state: State) -> None:
        """What is there already: some make what they remember when they are first used, or give it another shape."""
        for one in list(self._attributes()):
            given = state.tensors.get(one.full_name)
            if isinstance(one.value, Tensor) and (given is None or given.shape != one.value.shape):
                continue
            if one.is_like(state, self._rounds):
                one.resume(state)

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

    def is_like(self, state: State, rounds: tuple[int, ...]) -> bool:
        """Whether what was kept could be this one at another moment; a tensor may have got an axis of rounds since."""
        name, value = self.full_name, self.value
        if isinstance(value, Tensor):
            given = state.tensors.get(name)
            shapes = (value.shape, (*rounds, *value.shape))
            return given is not None and given.dtype == value.dtype and given.shape in shapes
        if isinstance(value, Generator) or (value is None and name in state.tensors):  # made since
            return name in state.tensors
        if name not in state.numbers:
            return False
        given, is_of_layer = state.numbers[name], not isinstance(self.component, Optimizer | Schedule)
        if is_of_layer and type(value) is int and self.name in self.component.arguments:
            return type(given) is int and given == value  # a size, which no training changes
        # A rate that was given as a whole number may have become another.
        return value is None or _kind(given, not is_of_layer) == _kind(value, not is_of_layer)

    def require_like(self, state: State, rounds: tuple[int, ...]) -> None:
        """Raise ModelFileError where it could not."""
        if not self.is_like(state, rounds):
            kept = state.tensors.get(self.full_name, state.numbers.get(self.full_name))
            given, own = (
                f"{one.dtype} {list(one.shape)}" if isinstance(one, Tensor) else shown(one)
                for one in (kept, self.value)
            )
            raise ModelFileError(f"the checkpoint's '{self.full_name}' is {given}, and in this training {own}")

    def resume(self, state: State) -> None:
        """Be what was kept."""
        name, value = self.full_name, self.value
        if isinstance(value, Generator):
            value.set_state(state.tensors[name])
        elif value is None and name in state.tensors:
            self.place[self.name] = state.tensors[name].clone()
        elif not isinstance(value, Tensor):
            given = state.numbers[name]
            if value != given:
                self.place[self.name] = tuple(given) if isinstance(value, tuple) else given
        elif value.shape == (given := state.tensors[name]).shape:
            value.copy_(given)  # since a captured step has recorded where it is
        else:
            self.place[self.name] = given.to(value.device)


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
    if isinstance(component, Optimizer) and "_state" in own:  # and not that of the one within it
        for name in component.state:
            yield _Attribute(f"{prefix}state.{name}", component.state, name, component)


def _are_layers(value: Any) -> bool:
    """Whether these are the layers within a layer, which are components of their own."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(one, Module) for one in value)


def _kind(value: Any, are_numbers: bool) -> type:
    """What a value must be to take the place of another: lists and tuples are alike, and so may be numbers."""
    alike: dict[type, type] = {tuple: list, **({int: float} if are_numbers else {})}
    return alike.get(type(value), type(value))


def _has_tensors(value: Any) -> bool:
    within = value.values() if isinstance(value, dict) else value
    return isinstance(value, dict | list | tuple | set | deque) and any(isinstance(one, Tensor) for one in within)


def _is_plain(value: Any) -> bool:
    """Whether JSON can say it, and means the same."""
    if isinstance(value, list | tuple):
        return all(not isinstance(one, tuple) and _is_plain(one) for one in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and not isinstance(one, tuple) and _is_plain(one) for key, one in value.items())
    return value is None or type(value) in (bool, int, float, str)
