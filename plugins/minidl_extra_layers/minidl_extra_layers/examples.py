"""The shape of one example, where it may have several axes."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.nn import Module, Parameter
from minidl_core.spec.component import spec_name
from minidl_core.spec.shape import spelt


def shape_of_examples(x: Tensor, axes: int) -> tuple[int, ...]:
    """The last axes of `[*rounds, N, *example]`, all but the first where it has no more."""
    return tuple(x.shape[max(1, x.dim() - axes) :])


def require_example_axes(layer: Module, shape: tuple[int, ...], axes: int) -> None:
    """Raise ShapeError for examples of another number of axes than the layer's argument `axes` says."""
    if len(shape) != axes:
        expected, given = examples_of(axes), len(shape)
        raise ShapeError(f"{spec_name(type(layer))} expects {expected} but gets {spelt(shape)}; write axes={given}")


def require_batch_axes(layer: Module, x: Tensor, axes: int, parameter: Parameter | None) -> None:
    """Raise ShapeError where examples cannot have so many axes, with or without the rounds of a parameter before them.

    Without a parameter the rounds are not known, and x has as many axes as it has. An axis of 1 may always be there.
    """
    leading = x.shape[: max(0, x.dim() - axes - 1)]
    rounds = len(leading) if parameter is None else parameter.value.dim() - len(parameter.shape)
    if x.dim() <= axes or any(size > 1 for size in leading[: len(leading) - rounds]):
        raise ShapeError(
            f"{layer} takes {examples_of(axes)}, got {list(x.shape)}; write axes={max(1, x.dim() - 1 - rounds)}"
        )


def examples_of(axes: int) -> str:
    """`examples of 2 axes`."""
    return f"examples of {axes} {'axis' if axes == 1 else 'axes'}"
