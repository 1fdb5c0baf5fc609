"""The windows that convolutions and pools look through: how large, how far apart, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import cast

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module
from minidl_core.spec.component import spec_name

Sizes = int | Sequence[int]


def per_axis(argument: str, given: Sizes, axes: int, least: int) -> tuple[int, ...]:
    """One number for each axis: those of a list, or the same for all. Raises ArgumentError where they are others."""
    sizes = (int(given),) * axes if isinstance(given, Integral) else tuple(map(int, cast(Sequence[int], given)))
    fits = len(sizes) == axes and min(sizes) >= least
    require(argument, given, fits, f"at least {least}" + (", or a list of two such numbers" if axes == 2 else ""))
    return sizes


def places(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False) -> int:
    """How many windows there are along an axis: ⌊(size + 2 padding - extent) / stride⌋ + 1, rounded up with ceil_mode.

    A window that would begin in the padding behind all numbers is left out, as in PyTorch. Raises ShapeError where not
    one window has room.
    """
    extent = dilation * (kernel - 1) + 1
    room = size + 2 * padding - extent
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    if count < 1:
        raise ShapeError(
            f"a window is {extent} long, and there are {size + 2 * padding} numbers, padding included; make the kernel "
            "smaller, or write a larger padding"
        )
    return count


def require_maps(layer: Module, shape: tuple[int, ...], *expected: int | str) -> None:
    """Raise ShapeError for examples that are no maps of this kind: `require_maps(self, (64,), 8, "H", "W")`."""
    if len(shape) == len(expected) and all(
        isinstance(one, str) or one == size for one, size in zip(expected, shape, strict=True)
    ):
        return
    advice = "" if len(shape) == len(expected) else "; put reshape(...) before it"
    wanted = ", ".join(map(str, expected))
    raise ShapeError(f"{spec_name(type(layer))} expects examples [{wanted}], got {list(shape)}{advice}")
