"""What components remember in Python from step to step, which a replay must keep up too."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from minidl_core.nn.saved import saved_names
from minidl_core.optim import Optimizer
from minidl_core.spec.component import Component
from minidl_core.training.capture.record import Recorder


class Attribute(NamedTuple):
    """A name of a component to which each step assigns another tensor."""

    place: dict[str, Any]
    name: str
    tensor: Tensor
    """What it is to be between steps."""

    @property
    def assigned(self) -> Tensor:
        """What it is now."""
        tensor: Tensor = self.place[self.name]
        return tensor


def carry_over(state: Sequence[Attribute]) -> None:
    """Write what a step assigned where the next one will read it, all at once."""
    moved = [attribute for attribute in state if attribute.assigned is not attribute.tensor]
    for attribute in moved:
        for name, value in attribute.place.items():
            if value is attribute.tensor:  # another name has been given what is written into now
                attribute.place[name] = value.clone()
    for attribute, tensor in [(attribute, attribute.assigned.clone()) for attribute in moved]:
        attribute.tensor.copy_(tensor)
        attribute.place[attribute.name] = attribute.tensor


class Remembered:
    """The attributes of components as they were before a step, but for what `forward` saves for `backward`."""

    def __init__(self, components: Iterable[Component]) -> None:
        self._random = _python_draws()
        self._before = [(one, place, dict(place), contents) for one, place, contents in _contents_of(components)]

    def obstacle(self) -> str | None:
        """What has changed in Python since, and no tensor of its own; None for nothing."""
        if not is_same(self._random, _python_draws()):
            return "numbers are drawn that are not torch's (of Python's random, or of NumPy)"
        now = _contents_of([component for component, place, *_ in self._before if place is vars(component)])
        for (component, place, before, contents), (*_, present) in zip(self._before, now, strict=True):
            for name in place:
                if name in saved_names(type(component)) or isinstance(place[name], Tensor):
                    continue
                if name not in before or isinstance(before[name], Tensor) or not is_same(contents[name], present[name]):
                    return f"{component} changes its '{name}' in Python"
        return None

    def assigned(self, recorder: Recorder) -> tuple[list[Attribute], list[Attribute]]:
        """The tensor attributes that the recorded step has assigned: those that carry something over, and mere results.

        A tensor that the step read before it assigned a new one is state: the new numbers are to be written into it.
        One that it did not read is only a result.
        """
        read = {value.memory for operation in recorder.operations for value in operation.reads}
        state, results = [], []
        for component, place, before, _ in self._before:
            for name in [name for name in place if name not in saved_names(type(component))]:
                old, new = before.get(name), place[name]
                if old is new or not isinstance(new, Tensor):
                    continue
                if isinstance(old, Tensor) and recorder.value(old).memory in read and old.shape == new.shape:
                    state.append(Attribute(place, name, old))
                else:
                    results.append(Attribute(place, name, new))
        return state, results


class Settings:
    """The attributes of components, to notice when someone sets one between steps."""

    def __init__(self, components: Iterable[Component], without: Collection[tuple[int, str]]) -> None:
        self._found = [
            (name, one)
            for component, place, contents in _contents_of(components)
            for name, one in contents.items()
            if name not in saved_names(type(component)) and (id(place), name) not in without
        ]

    def differ_from(self, other: Settings) -> bool:
        return not is_same(self._found, other._found)


def _contents_of(components: Iterable[Component]) -> list[tuple[Component, dict[str, Any], dict[str, Any]]]:
    """Each component with each place where it has attributes, and what these are, at any depth."""
    places: list[tuple[Component, dict[str, Any]]] = []
    for component in components:
        places.append((component, vars(component)))
        if isinstance(component, Optimizer) and all(place is not component.state for _, place in places):
            places.append((component, component.state))  # which one within another may share
    known = {id(one) for pair in places for one in pair}
    return [
        (component, place, {name: contents_of_value(value, known) for name, value in place.items()})
        for component, place in places
    ]


def contents_of_value(value: Any, known: Collection[int] = (), depth: int = 6) -> Any:
    """All that is within a value, in a form that does not change with it; tensors and known objects as they are."""
    if id(value) in known or not depth:
        return value
    if isinstance(value, Mapping):
        return {key: contents_of_value(one, known, depth - 1) for key, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    if isinstance(value, (list, tuple, deque)):
        return [contents_of_value(one, known, depth - 1) for one in value]
    if isinstance(value, Component):
        kept = saved_names(type(value))
        return {name: contents_of_value(one, known, depth - 1) for name, one in vars(value).items() if name not in kept}
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    return value


def is_same(one: Any, other: Any) -> bool:
    """Whether two contents are the same; tensors and unknown objects where they are one."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return isinstance(one, (int, float, complex, str, bytes, frozenset)) and one == other


def _python_draws() -> tuple[Any, ...]:
    """The states of the generators of random numbers that are not torch's."""
    return random.getstate(), contents_of_value(np.random.get_state(legacy=False))
