"""Softmax and its logarithm."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Module, saved
from minidl_core.spec import Conformance
from minidl_core.spec.shape import spelt


class Softmax(Module):
    """y = eˣ / Σ eˣ, with the sum along the axis dim.

    dx = y (dy - Σ dy y): of dyᵢ/dxⱼ = yᵢ (δᵢⱼ - yⱼ).

    Convention: `torch.nn.Softmax`, with dim counted from the last axis alone. A loss such as `cross_entropy` has a
    softmax of its own: a model for it needs none.

    Args:
        dim: the axis, -1 for the last one of an example; less than 0.

    Shapes: x and y are `[*rounds, N, *shape]`. Raises ArgumentError for a dim that is not less than 0, ShapeError for
    examples with fewer axes. Source: Bridle 1990, Probabilistic interpretation of feedforward classification network
    outputs, Neurocomputing, NATO ASI 68.
    """

    conformance = Conformance(examples=({}, {"dim": -2}), input_shape=(3, 4))
    y: Tensor = saved()

    def __init__(self, dim: int = -1) -> None:
        require_from_the_last("dim", dim)
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        require_axis(self, self.dim, tuple(x.shape[1:]))
        # Less the greatest, so that nothing overflows; written out, since x.softmax() may sum in another order where a
        # tensor has more rounds.
        powers = (x - x.amax(self.dim, keepdim=True)).exp()
        self.y = powers / powers.sum(self.dim, keepdim=True)
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return self.y * (dy - (dy * self.y).sum(self.dim, keepdim=True))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_axis(self, self.dim, shape)
        return shape


class LogSoftmax(Module):
    """y = x - log Σ eˣ, with the sum along the axis dim.

    dx = dy - eʸ Σ dy: of dyᵢ/dxⱼ = δᵢⱼ - e^yⱼ.

    Convention: `torch.nn.LogSoftmax`, with dim counted from the last axis alone.

    Args:
        dim: the axis, -1 for the last one of an example; less than 0.

    Shapes: x and y are `[*rounds, N, *shape]`. Raises ArgumentError for a dim that is not less than 0, ShapeError for
    examples with fewer axes. Source: Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.2.2.3.
    """

    conformance = Conformance(examples=({}, {"dim": -2}), input_shape=(3, 4))
    y: Tensor = saved()

    def __init__(self, dim: int = -1) -> None:
        require_from_the_last("dim", dim)
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        require_axis(self, self.dim, tuple(x.shape[1:]))
        less = x - x.amax(self.dim, keepdim=True)
        self.y = less - less.exp().sum(self.dim, keepdim=True).log()
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return dy - self.y.exp() * dy.sum(self.dim, keepdim=True)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_axis(self, self.dim, shape)
        return shape


def require_from_the_last(argument: str, dim: int) -> None:
    """Raise ArgumentError for an axis that is not counted from the last one: before an example there may be others."""
    require(argument, dim, dim < 0, "less than 0: -1 is the last axis of an example, -2 the one before")


def require_axis(layer: Module, dim: int, shape: tuple[int, ...]) -> None:
    """Raise ShapeError for examples that have no such axis."""
    if len(shape) < -dim:
        raise ShapeError(f"{layer} expects examples with {-dim} axes or more but gets {spelt(shape)}")
