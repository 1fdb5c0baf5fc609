"""What the pools of maps have in common."""

from __future__ import annotations

import math

from minidl_core.errors import require
from minidl_core.nn import Module
from minidl_extra_layers.windows import Sizes, per_axis, places, require_maps


class Pool2d(Module):
    """One number of each window of a map, `[*, C, H, W] -> [*, C, H', W']`, from windows that may overlap.

    Args:
        kernel_size: of a window, at least 1; one number for rows and columns, or a list of two, as all that follow.
        stride: how far apart windows are; None for the kernel's size.
        padding: how many places are added on each side; at most half of the kernel.
        dilation: how far apart the places of a window are.
        ceil_mode: whether a last window is taken that is not filled.
    """

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil_mode: bool
    ) -> None:
        self.kernel = per_axis("kernel_size", kernel_size, 2, 1)
        self.stride = self.kernel if stride is None else per_axis("stride", stride, 2, 1)
        self.padding = per_axis("padding", padding, 2, 0)
        self.dilation = per_axis("dilation", dilation, 2, 1)
        half = all(2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True))
        require("padding", padding, half, "at most half of kernel_size")
        self.ceil_mode = ceil_mode

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_maps(self, shape, "C", "H", "W")
        windows = zip(shape[1:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return (shape[0], *(places(*window, ceil_mode=self.ceil_mode) for window in windows))

    def operations(self, shape: tuple[int, ...]) -> int:
        """A comparison, or a sum, for each number of each window."""
        return math.prod(self.output_shape(shape)) * math.prod(self.kernel)
