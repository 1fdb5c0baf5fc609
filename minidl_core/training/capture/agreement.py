"""Whether a replay and a plain run give the same, to rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

MANY_NUMBERS, AT_ONCE = 2**20, 64
"""A tensor of so many numbers is compared by the sums of so many neighbours, to keep no copy of it."""


def sums(tensor: Tensor) -> Tensor:
    """A copy of a tensor, or of a large one the sums of neighbours: where one number differs, so does a sum."""
    if tensor.numel() < MANY_NUMBERS:
        return tensor.clone()
    numbers = tensor.reshape(-1)
    rest = len(numbers) % AT_ONCE
    return torch.cat([numbers[: len(numbers) - rest].view(-1, AT_ONCE).sum(-1), numbers[len(numbers) - rest :]])


def among_others(memory: Sequence[Tensor], sizes: Sequence[Tensor]) -> list[Tensor]:
    """What rounding is measured by, of tensors that lie in one memory, as gradients do: by the others a little too.

    A gradient may be 0 but for what rounding leaves of larger numbers: that of a bias before a layer that takes the
    mean off.
    """
    squares: dict[int, Tensor] = {}
    for tensor, size in zip(memory, sizes, strict=True):
        if tensor.is_floating_point():
            place = tensor.untyped_storage().data_ptr()
            squares[place] = squares.get(place, torch.zeros_like(size)) + size.square()
    return [
        torch.maximum(size, squares[tensor.untyped_storage().data_ptr()].sqrt() * torch.finfo(tensor.dtype).eps ** 0.25)
        if tensor.is_floating_point()
        else size
        for tensor, size in zip(memory, sizes, strict=True)
    ]


def disagreement(replayed: Tensor, plain: Tensor, size: Tensor) -> float:
    """How far a replay is from a plain run: 1 is what rounding can make where numbers are of this size."""
    if not plain.is_floating_point():
        return 0.0 if torch.equal(replayed, plain) else math.inf
    difference, whole = (replayed - plain).norm(), plain.norm()
    if not math.isfinite(difference + whole):
        alike = (replayed == plain) | (replayed.isnan() & plain.isnan())
        difference = (replayed - plain).masked_fill(alike, 0).norm()
        if not math.isfinite(difference):  # where one alone is no number
            return math.inf
        size = whole = plain[plain.isfinite()].norm()
    eps = torch.finfo(plain.dtype).eps
    return float(difference / (eps**0.5 * size + 4 * eps * whole)) if difference > 0 else 0.0
