"""Where the channels of a batch are: `[*rounds, N, C, *places]`, of which an example has 1 + len(places) axes."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.nn import Module, Parameter


def along_channels(values: Tensor, axes: int) -> Tensor:
    """A number for each channel, `[*rounds, C]`, as it is laid over examples of so many axes: `[*rounds, 1, C, 1, 1]`
    where they are 3.
    """
    return values[(..., None, slice(None), *[None] * (axes - 1))]


def all_but_channels(axes: int) -> tuple[int, ...]:
    """The axes of the batch and of the places, over which each round's channel is summed."""
    return (-axes - 1, *range(1 - axes, 0))


def require_axes(layer: Module, x: Tensor, axes: int, parameter: Parameter | None) -> None:
    """Raise ShapeError where examples cannot have so many axes, with or without the rounds of a parameter before them.

    Without a parameter the rounds are not known, and x has as many axes as it has. An axis of 1 may always be there.
    """
    leading = x.shape[: max(0, x.dim() - axes - 1)]
    rounds = len(leading) if parameter is None else parameter.value.dim() - len(parameter.shape)
    if x.dim() <= axes or any(size > 1 for size in leading[: len(leading) - rounds]):
        raise ShapeError(
            f"{layer} takes examples of {axes} {'axis' if axes == 1 else 'axes'}, got {list(x.shape)}; write "
            f"axes={max(1, x.dim() - 1 - rounds)}"
        )
