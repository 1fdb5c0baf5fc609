"""x at mean 0 and variance 1, and the derivative of it: what layers that normalise have in common."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Normalized(NamedTuple):
    """x̂ = (x - μ) / s with s = √(σ² + eps), of the mean μ and the variance σ² over some axes, which stay as 1."""

    y: Tensor
    mean: Tensor
    variance: Tensor
    deviation: Tensor
    """s"""


def normalized(x: Tensor, axes: tuple[int, ...], eps: float) -> Normalized:
    """Normalise x over the axes."""
    mean = x.mean(axes, keepdim=True)
    centred = x - mean
    variance = (centred**2).mean(axes, keepdim=True)
    deviation = (variance + eps).sqrt()
    return Normalized(centred / deviation, mean, variance, deviation)


def through_normalized(dy: Tensor, y: Tensor, deviation: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The gradient of x where dy is that of x̂: dx = (dy - mean(dy) - x̂ mean(dy x̂)) / s, with means over the axes.

    Of x̂ᵢ = (xᵢ - μ) / s: dx̂ᵢ/dxⱼ = (δᵢⱼ - 1/n - x̂ᵢ x̂ⱼ / n) / s, since dμ/dxⱼ = 1/n and ds/dxⱼ = x̂ⱼ / n.
    """
    return (dy - dy.mean(axes, keepdim=True) - y * (dy * y).mean(axes, keepdim=True)) / deviation
