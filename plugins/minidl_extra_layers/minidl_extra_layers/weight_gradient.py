"""The gradient of a convolution's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CONVOLUTIONS: dict[int, Any] = {1: torch.conv1d, 2: torch.conv2d}
PART = 2**19
"""Numbers of x that are taken at once: what is copied of them stays in a cache, and in memory that is there already."""
PAGE = 4096


def weight_gradient(
    x: Tensor,
    dy: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """dW[o, c, k] = Σ over examples n and places p of dy[n, o, p] x[n, c, stride p + dilation k - padding].

    Which is a convolution of x with dy, as a kernel as large as dy's maps: with channels in the place of examples,
    examples in that of channels, and stride and dilation exchanged.

    Shapes: x is `[N, C, *size]`, dy `[N, O, *places]`, dW `[O, C/groups, *kernel]`.
    """
    channels = x.shape[1] // groups
    dw = x.new_zeros(dy.shape[1], channels, *kernel)
    rows = max(1, PART // max(1, x[:1].numel(), dy[:1].numel()))
    for start in range(0, len(x), rows):
        # [n, groups c, *] -> [c, groups n, *],   [n, O, *] -> [O, n, *]
        part = x[start : start + rows]
        images = part.reshape(-1, groups, channels, *part.shape[2:]).transpose(0, 2).flatten(1, 2)
        kernels = dy[start : start + rows].transpose(0, 1)
        if kernels[0, 0].numel() * dy.element_size() % PAGE == 0:
            # Maps a page apart fall on the same lines of a cache; a column of zeros moves them apart.
            kernels = torch.constant_pad_nd(kernels, (0, 1))
            images = torch.constant_pad_nd(images, (0, stride[-1]))
        summed = CONVOLUTIONS[len(kernel)](images, kernels, None, dilation, padding, stride, groups)  # [c, O, *]
        # Where the stride leaves numbers over, there are more places than the kernel has.
        dw += summed[(..., *(slice(size) for size in kernel))].transpose(0, 1)
    return dw
