"""The mean of each window."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_layers.examples import shape_of_examples
from minidl_extra_layers.pool2d import Pool2d
from minidl_extra_layers.windows import Sizes


class AvgPool2d(Pool2d):
    """y[p] = Σ_k x[stride p + k - padding] / n[p], p and k in rows and columns; what is outside is 0.

    dx[q] = Σ dy[p] / n[p] over the windows p in which q is.

    n[p] is the window's size, what it has of the padding included. Equals `torch.nn.AvgPool2d`.

    Args:
        kernel_size: of a window, at least 1; one number for rows and columns, or a list of two, as both that follow.
        stride: how far apart windows are; none for the kernel's size, so that they do not overlap.
        padding: how many zeros are added on each side; at most half of the kernel.
        ceil_mode: whether a last window is taken that is not filled; n[p] is then smaller.
        count_include_pad: with false n[p] counts no padding.
        divisor_override: n of all windows, not 0; none for their own.

    Shapes: x is `[*rounds, N, C, H, W]`, y `[*rounds, N, C, H', W']` with H' = ⌊(H + 2 padding - kH) / stride⌋ + 1,
    rounded up with ceil_mode. Raises ShapeError for examples of other axes, and maps that are too small.

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86,
    section II; Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.3.
    """

    x: Tensor = saved()
    conformance = Conformance(
        examples=(
            {"kernel_size": 2},
            {"kernel_size": [3, 2], "stride": [1, 2], "padding": 1, "count_include_pad": False},
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
            {"kernel_size": 2, "divisor_override": 3},
        ),
        input_shape=(2, 5, 4),
        refused=({"kernel_size": 0}, {"kernel_size": [2]}, {"padding": 2}, {"stride": 0}, {"divisor_override": 0}),
    )

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        require("divisor_override", divisor_override, divisor_override != 0, "none, or another number than 0")
        self.count_include_pad, self.divisor = count_include_pad, divisor_override

    def forward(self, x: Tensor) -> Tensor:  # [*, N, C, H, W] -> [*, N, C, H', W']
        self.output_shape(shape_of_examples(x, 3))
        self.x = x
        means = self.kernel, self.stride, self.padding, self.ceil_mode, self.count_include_pad, self.divisor
        y = torch.ops.aten.avg_pool2d(x.flatten(0, -4), *means)
        return cast(Tensor, y.view(*x.shape[:-2], *y.shape[-2:]))

    def backward(self, dy: Tensor) -> Tensor:  # [*, N, C, H', W'] -> [*, N, C, H, W]
        height, width = self.x.shape[-2:]
        rows, columns = self.counts(0, height, dy), self.counts(1, width, dy)
        share = dy / (self.divisor or rows.unsqueeze(-1) * columns)
        return self.spread(1, width, self.spread(0, height, share.mT).mT)  # axis by axis

    def counts(self, axis: int, size: int, like: Tensor) -> Tensor:
        """How many of the numbers along an axis are in each window: n[p] = rows[p₀] columns[p₁]."""
        k, s, p = self.kernel[axis], self.stride[axis], self.padding[axis]
        edge = 0 if self.count_include_pad else p
        starts = (
            torch.arange(like.shape[axis - 2], device=like.device, dtype=like.dtype) * s
        )  # from the padding's first
        return (starts + k).clamp(max=size + 2 * p - edge) - starts.clamp(min=edge)

    def spread(self, axis: int, size: int, share: Tensor) -> Tensor:
        """Each place's sum over the windows along the last axis in which it is."""
        k, s, p = self.kernel[axis], self.stride[axis], self.padding[axis]
        last = s * (share.shape[-1] - 1) + 1
        padded = share.new_zeros(*share.shape[:-1], max(size + p, last + k - 1))
        for offset in range(k):
            padded[..., offset : offset + last : s].add_(share)
        return padded[..., p : p + size]
