"""The greatest number of each window."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_layers.examples import shape_of_examples
from minidl_extra_layers.pool2d import Pool2d
from minidl_extra_layers.windows import Sizes


class MaxPool2d(Pool2d):
    """y[p] = max over k of x[stride p + dilation k - padding], p and k in rows and columns; what is outside is -∞.

    dx[q] = Σ dy[p] over the windows p whose greatest number stands at q; of equal ones the first, row by row.

    Equals `torch.nn.MaxPool2d`. NaN counts as greatest, as there.

    Args:
        kernel_size: of a window, at least 1; one number for rows and columns, or a list of two, as all that follow.
        stride: how far apart windows are; none for the kernel's size, so that they do not overlap.
        padding: how many places are added on each side; at most half of the kernel.
        dilation: how far apart the places of a window are.
        ceil_mode: whether a last window is taken that is not filled.

    Shapes: x is `[*rounds, N, C, H, W]`, y `[*rounds, N, C, H', W']` with H' = ⌊(H + 2 padding - dilation (kH - 1) - 1)
    / stride⌋ + 1, rounded up with ceil_mode. Raises ShapeError for examples of other axes, and maps that are too
    small, or with padding smaller than the dilation.

    Source: Zhou and Chellappa 1988, Computation of optical flow using a neural network, ICNN; Goodfellow, Bengio,
    Courville, Deep Learning (2016), section 9.3.
    """

    at: Tensor = saved()
    size: tuple[int, int] = saved()
    conformance = Conformance(
        examples=(
            {"kernel_size": 2},
            {"kernel_size": [3, 2], "stride": [1, 2], "padding": [1, 0]},
            {"kernel_size": 2, "dilation": 2, "stride": 1},
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        ),
        input_shape=(2, 5, 4),
        refused=({"kernel_size": 0}, {"kernel_size": [2]}, {"padding": 2}, {"stride": 0}, {"dilation": 0}),
    )

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode)

    def forward(self, x: Tensor) -> Tensor:  # [*, N, C, H, W] -> [*, N, C, H', W']
        self.output_shape(shape_of_examples(x, 3))
        self.size = cast(tuple[int, int], tuple(x.shape[-2:]))
        windows = self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode
        # at[p] = the place in its map, row by row, where the greatest number of window p stands
        y, at = torch.ops.aten.max_pool2d_with_indices(x.flatten(0, -4), *windows)
        self.at = at.view(*x.shape[:-2], *at.shape[-2:])
        return cast(Tensor, y.view(self.at.shape))

    def backward(self, dy: Tensor) -> Tensor:  # [*, N, C, H', W'] -> [*, N, C, H, W]
        dx = dy.new_zeros(*dy.shape[:-2], math.prod(self.size))
        at = self.at.flatten(-2).expand(*dy.shape[:-2], -1)  # of all rounds, where only dy has an axis of them
        return dx.scatter_add(-1, at, dy.flatten(-2)).view(*dy.shape[:-2], *self.size)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        pooled = super().output_shape(shape)
        geometry = zip(shape[1:], self.padding, self.dilation, strict=True)
        if any(padding > 0 and dilation > size for size, padding, dilation in geometry):
            # There might be no number in a window: PyTorch gives a place outside of the map for it.
            raise ShapeError(
                f"{self} steps over maps {list(shape[1:])}; make the dilation smaller, or leave padding out"
            )
        return pooled
