"""What layers have in common that normalise each row over the last axes of an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Initializer, Module, Parameter
from minidl_core.spec.component import spec_name
from minidl_core.spec.shape import spelt
from minidl_extra_layers.examples import examples_of, require_batch_axes


class NormOfLastAxes(Module):
    """The last axes of an example, and parameters of that shape.

    Args:
        normalized_shape: the sizes of these axes; a whole number is that of the last.
        axes: how many axes an example has, at least those: where fewer are said, they are all.
    """

    input_argument: ClassVar[str | None] = "normalized_shape"
    axes_argument: ClassVar[str | None] = "axes"
    weight: Parameter | None

    def __init__(self, normalized_shape: int | Sequence[int], axes: int) -> None:
        self.shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        sizes = "a size or a list of sizes, each at least 1"
        require("normalized_shape", normalized_shape, bool(self.shape) and all(n > 0 for n in self.shape), sizes)
        require("axes", axes, axes > 0, "at least 1")
        self.axes = max(axes, len(self.shape))
        self.last = tuple(range(-len(self.shape), 0))
        """The axes that are normalised over."""
        self.rows = tuple(range(-self.axes - 1, -len(self.shape)))
        """The batch, and the axes of an example before those: what gradients of parameters are summed over."""

    def parameter(self, init: Initializer) -> Parameter:
        """Of the shape of the last axes."""
        return Parameter(self.shape, init, 1, 1, is_scale=True)

    def along_rows(self, values: Tensor) -> Tensor:
        """A parameter, `[*rounds, *last]`, as it is laid over a batch, `[*rounds, 1, 1, *last]`."""
        return values[(..., *[None] * len(self.rows), *[slice(None)] * len(self.shape))]

    def require_shape(self, x: Tensor) -> None:
        """Raise ShapeError for a batch whose last axes have other sizes, or that has other axes."""
        require_batch_axes(self, x, self.axes, self.weight)
        if tuple(x.shape[-len(self.shape) :]) != self.shape:
            raise ShapeError(f"{self} expects the last sizes {list(self.shape)}, got {list(x.shape)}")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != self.axes or shape[-len(self.shape) :] != self.shape:
            last, name = spelt(self.shape), spec_name(type(self))
            raise ShapeError(f"{name} expects {examples_of(self.axes)}, the last {last}, but gets {spelt(shape)}")
        return shape

    def input_shape(self) -> tuple[int, ...] | None:
        return self.shape if self.axes == len(self.shape) else None
