"""What every component has in common: the arguments that it was built with."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from minidl_core.errors import ArgumentError, SpecError
from minidl_core.nn import Initializer, Normal, Sequential, Tanh, Zeros
from minidl_core.spec.component import Component, to_value
from minidl_core.spec.syntax import Chain, ListValue, Literal


class Numbers(Component):
    """A component of no use, that keeps numbers."""

    kind = "schedule"

    def __init__(self, first: float, rest: Sequence[float] = (), *, exact: bool = False) -> None:
        self.total = first + sum(rest)


class Later(Numbers):
    """One whose constructor is that of its base."""


def test_a_component_keeps_the_arguments_that_it_was_built_with_and_the_defaults() -> None:
    assert Numbers(1, exact=True).arguments == {"first": 1, "rest": (), "exact": True}
    assert Later(1).arguments == {"first": 1, "rest": (), "exact": False}
    assert Tanh().arguments == {}


def test_arguments_are_checked_before_the_constructor_sees_them() -> None:
    with pytest.raises(ArgumentError, match="rest must be a list, each a finite number, got '12'"):
        Numbers(1, "12")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), True, 1j, "1", None])
def test_a_number_is_real_and_finite(value: object) -> None:
    with pytest.raises(ArgumentError, match="first must be a finite number"):
        Numbers(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(("length", "shown"), [(58, "'" + "x" * 58 + "'"), (59, "'" + "x" * 56 + "...")])
def test_a_refused_value_is_shown_in_sixty_characters(length: int, shown: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        Numbers("x" * length)  # type: ignore[arg-type]
    assert str(refused.value) == f"first must be a finite number, got {shown}"


class Loose(Component):
    """A component whose hints say what cannot be checked, or nothing."""

    kind = "schedule"

    def __init__(self, function: Callable[[float], float], anything: Any = 1, more=2) -> None: ...  # type: ignore[no-untyped-def]


def test_a_hint_that_cannot_be_checked_refuses_nothing() -> None:
    assert Loose(abs, {}, [None]).arguments == {"function": abs, "anything": {}, "more": [None]}


@pytest.mark.parametrize(
    "value", [3, 3.0, np.float32(3), np.float64(3), np.int64(3), np.array(3.0)[()]], ids=lambda v: type(v).__name__
)
def test_a_number_of_numpy_is_written_as_python_writes_it(value: float) -> None:
    assert str(Numbers(value)) == "Numbers(3)"


def test_a_sequence_of_any_kind_is_written_as_a_list() -> None:
    assert str(Numbers(1, (2, 3.5))) == str(Numbers(1, [2, 3.5])) == "Numbers(1,rest=[2,3.5])"
    assert to_value(np.array([[1, 2], [3, 4]])) == to_value([[1, 2], [3, 4]])
    assert to_value(()) == ListValue(())


def test_a_component_within_is_written_as_its_spec() -> None:
    assert to_value(Normal(std=2)) == to_value("normal(std=2)", Initializer)
    assert isinstance(to_value(Zeros()), Chain)
    assert to_value("zeros") == Literal("zeros")


def test_a_component_is_taken_as_itself_or_as_its_spec() -> None:
    zeros = Zeros()
    assert Initializer.of(zeros) is zeros
    assert str(Initializer.of("normal(std=2)")) == "normal(std=2)"
    with pytest.raises(SpecError, match="did you mean 'zeros'"):
        Initializer.of("zero")


@pytest.mark.parametrize(
    "component", [Numbers(1, [2.5], exact=True), Normal(std=2), Sequential(Tanh(), Tanh())], ids=str
)
def test_a_component_is_copied_and_pickled_with_its_arguments(component: Component) -> None:
    for again in (copy.copy(component), copy.deepcopy(component), pickle.loads(pickle.dumps(component))):
        assert str(again) == str(component)
        assert vars(again).keys() == vars(component).keys()


def test_an_abstract_class_cannot_be_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Initializer()  # type: ignore[abstract]
