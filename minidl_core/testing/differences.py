"""Derivatives by central differences, and how they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from minidl_core.testing.result import CheckFailed, fails_unless

STEP = 1e-5
ABSOLUTE, RELATIVE = 1e-8, 1e-6
"""Of a derivative in float64. A factor of 1.0005 is 500 times the relative tolerance."""
ROUNDING = 1e-11
"""Of the same sums added in another order, relative and absolute."""
AT_A_KINK = 1e-3
"""By how much the slopes on both sides differ where there is no derivative; of a smooth function by STEP times f''."""
MOST_AT_KINKS = 0.25


def require_derivative(what: str, found: Tensor, function: Callable[[Tensor], Tensor], at: Tensor) -> None:
    """Hold a gradient against central differences of a function whose values sum to what it is the gradient of.

    Source: Press et al., Numerical Recipes (2007), section 5.7. Elements beside a kink are left out; too many of them
    are a failure.
    """
    fails_unless(found.shape == at.shape, f"{what} has shape {list(found.shape)} and must have {list(at.shape)}")
    slopes, rounding, kinks = central_differences(function, at)
    fails_unless(
        int(kinks.sum()) <= MOST_AT_KINKS * kinks.numel(),
        f"there is no derivative by {what.removeprefix('the gradient of ')} at {int(kinks.sum())} of {kinks.numel()} "
        "random points",
    )
    absolute = ABSOLUTE + rounding
    require_close(what, torch.where(kinks, slopes, found), slopes, absolute, RELATIVE, "central differences give")


def central_differences(function: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The slope of the function's sum along each element, its rounding error, and whether it has a kink there."""
    here = function(at).clone()
    slopes, rounding = torch.zeros_like(at), torch.zeros_like(at)
    kinks = torch.zeros(at.shape, dtype=torch.bool)
    for index in range(at.numel()):
        moved = at.flatten().clone()
        moved[index] += STEP
        above = function(moved.view(at.shape)).clone()
        moved[index] -= 2 * STEP
        below = function(moved.view(at.shape)).clone()
        # Differences first, so that values which do not change add no rounding; then their sum.
        slope = (above - below).sum() / (2 * STEP)
        bend = (above - 2 * here + below).sum() / STEP
        size = torch.where(above == below, 0, above.abs() + here.abs()).sum()
        slopes.view(-1)[index] = slope
        rounding.view(-1)[index] = 4 * torch.finfo(at.dtype).eps * size / STEP
        kinks.view(-1)[index] = bend.abs() > AT_A_KINK * (1 + slope.abs()) + rounding.view(-1)[index]
    return slopes, rounding, kinks


def require_close(
    what: str,
    found: Tensor,
    expected: Tensor,
    absolute: float | Tensor,
    relative: float,
    oracle: str = "it must be",
) -> None:
    """Raise CheckFailed with the worst element where two tensors differ by more than the tolerances."""
    if found.shape != expected.shape:
        raise CheckFailed(f"{what} has shape {list(found.shape)} and must have {list(expected.shape)}")
    wrong = ~((found - expected).abs() <= absolute + relative * expected.abs())  # NaN is wrong too
    if wrong.any():
        excess = ((found - expected).abs() / (absolute + relative * expected.abs())).nan_to_num(torch.inf)
        worst = int(excess.argmax())
        one, other = found.flatten()[worst].item(), expected.flatten()[worst].item()
        index = [int(i) for i in torch.unravel_index(torch.tensor(worst), found.shape)] if found.dim() else []
        factor = f"{one / other:.6g}" if other else ""
        beside = f" (a factor of {factor})" if factor not in ("", "1") else f" (off by {one - other:.3g})"
        raise CheckFailed(
            f"{what} is {one:.9g} at {index} where {oracle} {other:.9g}{beside}; "
            f"{int(wrong.sum())} of {wrong.numel()} elements are wrong"
        )


def require_same(what: str, found: Tensor, expected: Tensor) -> None:
    """As `require_close`, up to the rounding of sums in another order."""
    require_close(what, found, expected, ROUNDING, ROUNDING)


def require_identical(what: str, found: Tensor, expected: Tensor) -> None:
    """Raise CheckFailed where two tensors are not the same bit for bit."""
    same = found.shape == expected.shape and torch.equal(found.nan_to_num(), expected.nan_to_num())
    fails_unless(same, f"{what} is not the same")


def differ(found: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Whether any of several tensors is not the same bit for bit."""
    return len(found) != len(expected) or not all(map(torch.equal, found, expected))
