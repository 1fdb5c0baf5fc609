"""A layer that is told how many axes an example has, and one whose size need not be that of its input."""

from __future__ import annotations

from typing import ClassVar

import pytest
from torch import Tensor

from minidl_core.errors import ShapeError, SpecError
from minidl_core.nn import Module
from minidl_core.spec import build_model, parse


class Same(Module):
    """y = x."""

    axes_argument: ClassVar[str | None] = "axes"

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class OfChannels(Same):
    """y = x, of so many channels."""

    input_argument: ClassVar[str | None] = "channels"
    input_axis: ClassVar[int] = 0

    def __init__(self, channels: int, axes: int = 1) -> None:
        self.axes = axes


class OfRows(Same):
    """y = x, of examples with so many rows."""

    input_argument: ClassVar[str | None] = "rows"
    input_axis: ClassVar[int] = -2

    def __init__(self, rows: int) -> None: ...


class OfTheLast(Same):
    """y = x, with a last axis of a size."""

    input_argument: ClassVar[str | None] = "size"

    def __init__(self, size: int, axes: int = 1) -> None:
        self.size, self.axes = size, axes

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != self.axes:
            raise ShapeError(f"{self.axes} axes, and not {len(shape)}")
        return shape


class OneOrEach(Same):
    """y = x, with one number for all channels or one for each."""

    input_argument: ClassVar[str | None] = "numbers"
    input_axis: ClassVar[int] = 0

    def __init__(self, numbers: int = 1, axes: int = 1) -> None:
        self.numbers = numbers

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.numbers not in (1, shape[0]):
            raise ShapeError(f"{self.numbers} numbers for {shape[0]} channels")
        return shape


@pytest.fixture(autouse=True)
def _layers(install: object) -> None:
    install("extra", of_channels=OfChannels, of_rows=OfRows, of_the_last=OfTheLast, one_or_each=OneOrEach)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "shape", "canonical"),
    [
        ("linear(_,8)-of_channels(_)", (3,), "linear(3,8)-of_channels(8)"),
        ("of_channels(_)-of_the_last(_)", (3, 4, 5), "of_channels(3,axes=3)-of_the_last(5,axes=3)"),
        ("of_channels(3,axes=2)", None, "of_channels(3,axes=2)"),
        ("of_the_last(4)-linear(_,2)", None, "of_the_last(4)-linear(4,2)"),
        ("one_or_each-one_or_each(1)-one_or_each(_)", (4,), "one_or_each-one_or_each-one_or_each(numbers=4)"),
    ],
)
def test_the_number_of_axes_is_filled_in_where_it_is_known(
    text: str, shape: tuple[int, ...] | None, canonical: str
) -> None:
    model = build_model(text, shape)
    assert str(model) == canonical
    assert parse(canonical) == build_model(canonical)


def test_of_examples_with_several_axes_the_last_size_says_nothing_of_the_others() -> None:
    assert str(build_model("of_the_last(4,axes=3)")) == "of_the_last(4,axes=3)"


def test_a_size_with_a_default_is_held_against_the_input_by_the_layer_itself() -> None:
    with pytest.raises(SpecError, match="shape error: 3 numbers for 4 channels"):
        build_model("one_or_each(3)", (4,))
    with pytest.raises(SpecError, match=r"of_channels expects 3 inputs but gets 4\n.*\n.*write of_channels\(_\)"):
        build_model("of_channels(3)", (4,))


def test_a_size_of_an_axis_that_examples_do_not_have_is_a_problem_of_their_shape() -> None:
    with pytest.raises(SpecError) as caught:
        build_model("linear(_,3)-of_rows(_)", (4,))
    [problem] = caught.value.problems
    assert (problem.kind, problem.message) == ("shape error", "of_rows takes examples of 2 axes, and gets 3")
    assert "reshape" in problem.advice
