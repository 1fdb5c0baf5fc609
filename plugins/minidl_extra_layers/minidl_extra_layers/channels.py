"""Where the channels of a batch are: `[*rounds, N, C, *places]`, of which an example has 1 + len(places) axes."""

from __future__ import annotations

from torch import Tensor


def along_channels(values: Tensor, axes: int) -> Tensor:
    """A number for each channel, `[*rounds, C]`, as it is laid over examples of so many axes: `[*rounds, 1, C, 1, 1]`
    where they are 3.
    """
    return values[(..., None, slice(None), *[None] * (axes - 1))]


def all_but_channels(axes: int) -> tuple[int, ...]:
    """The axes of the batch and of the places, over which each round's channel is summed."""
    return (-axes - 1, *range(1 - axes, 0))
