"""The windows that convolutions and pools look through: how large, how far apart, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import cast

from torch import Tensor

from minidl_core.errors import ShapeError, require

Sizes = int | Sequence[int]


def per_axis(argument: str, given: Sizes, axes: int, least: int) -> tuple[int, ...]:
    """One number for each axis: those of a list, or the same for all. Raises ArgumentError where they are others."""
    sizes = (int(given),) * axes if isinstance(given, Integral) else tuple(map(int, cast(Sequence[int], given)))
    fits = len(sizes) == axes and min(sizes) >= least
    require(argument, given, fits, f"at least {least}" + (", or a list of two such numbers" if axes == 2 else ""))
    return sizes


def places(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False, of: object = ""
) -> int:
    """How many windows there are along an axis: ⌊(size + 2 padding - extent) / stride⌋ + 1, rounded up with ceil_mode.

    A window that would begin in the padding behind all numbers is left out, as in PyTorch. Raises ShapeError where not
    one window has room.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ShapeError(
            f"{of} looks at {dilation * (kernel - 1) + 1} numbers at once, and gets {size + 2 * padding}, padding "
            "included; make its kernel smaller, or write a larger padding"
        )
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def require_maps(layer: object, shape: tuple[int, ...], expected: str) -> None:
    """Raise ShapeError for examples that are no maps of this kind: `require_maps("conv2d", (64,), "[8, H, W]")`."""
    wanted = expected.strip("[]").split(", ")
    if len(shape) == len(wanted) and all(
        not one.isdigit() or int(one) == size for one, size in zip(wanted, shape, strict=True)
    ):
        return
    advice = "" if len(shape) == len(wanted) else "; put reshape(...) before it"
    raise ShapeError(f"{layer} expects examples {expected}, got {list(shape)}{advice}")


def shape_of_examples(x: Tensor, axes: int) -> tuple[int, ...]:
    """The last axes of `[*rounds, N, *example]`, all but the first where it has no more."""
    return tuple(x.shape[max(1, x.dim() - axes) :])
