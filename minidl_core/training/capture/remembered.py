"""What components remember in Python from step to step, which a replay must keep up too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

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

    def carry_over(self) -> None:
        """Write what a step assigned where the next will read it."""
        self.tensor.copy_(self.place[self.name])
        self.place[self.name] = self.tensor


class Remembered:
    """The attributes of components as they were before a step, but for what `forward` saves for `backward`."""

    def __init__(self, components: Iterable[Component]) -> None:
        self._before = [(component, place, dict(place)) for component, place in _places(components)]

    def assigned(self, recorder: Recorder) -> tuple[list[Attribute], list[Attribute]]:
        """The attributes that the recorded step has assigned: those that carry something over, and mere results.

        A tensor that the step read before it assigned a new one is state: the new numbers are to be written into it.
        One that it did not read is only a result. What is no tensor and has changed is an obstacle.
        """
        read = {value.memory for operation in recorder.operations for value in operation.reads}
        state, results = [], []
        for component, place, before in self._before:
            for name in place.keys() - saved_names(type(component)):
                old, new = before.get(name), place[name]
                if old is new or (type(old) is type(new) and isinstance(new, (int, float, str, tuple)) and old == new):
                    continue
                if not isinstance(new, Tensor):
                    recorder.obstacle = recorder.obstacle or f"{component} changes its '{name}' in Python"
                elif isinstance(old, Tensor) and recorder.value(old).memory in read and old.shape == new.shape:
                    state.append(Attribute(place, name, old))
                else:
                    results.append(Attribute(place, name, new))
        return state, results


def _places(components: Iterable[Component]) -> Iterator[tuple[Component, dict[str, Any]]]:
    for component in components:
        yield component, vars(component)
        if isinstance(component, Optimizer):
            yield component, component.state


def fingerprint(components: Iterable[Component], without: Collection[str]) -> list[int]:
    """What changes when an attribute of a component is assigned, but for those that a step itself assigns."""
    found: list[int] = []
    for component in components:
        passed_over = saved_names(type(component)).union(without)
        found += [id(value) for name, value in vars(component).items() if name not in passed_over]
    return found
