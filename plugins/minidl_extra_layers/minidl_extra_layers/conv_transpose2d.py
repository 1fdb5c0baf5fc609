"""The transposed convolution of maps."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.nn import Initializer
from minidl_core.spec import Conformance
from minidl_extra_layers.convolution import Convolution
from minidl_extra_layers.weight_gradient import weight_gradient
from minidl_extra_layers.windows import Sizes, per_axis


class ConvTranspose2d(Convolution):
    """y[o, q] = b[o] + Σ W[c, o, k] x[c, p] over all c, p and k with stride p + dilation k - padding = q.

    It is what a convolution from `out` to `in` channels does backwards, so that dx is that convolution of dy, and
    dW[c, o, k] = Σ x[c, p] dy[o, stride p + dilation k - padding] over examples and places p, with x and dy exchanged;
    db = Σ dy over examples and places.

    Equals `torch.nn.ConvTranspose2d`, weights and all.

    Args:
        in_channels, out_channels: of x and y, each at least 1.
        kernel_size, stride, dilation: at least 1; one number for rows and columns, or a list of two.
        padding: how many rows and columns of the result are cut off on each side.
        output_padding: how many more it has at the end of each axis; less than the stride or the dilation there.
        groups: in how many parts the channels are taken, each output from the inputs of its own part alone.
        bias: whether there is a b.
        init: what W is drawn from, `[in, out/groups, kH, kW]`, with fans as in PyTorch, those of the convolution; b,
            `[out]`, is U(-1/√fan_in, 1/√fan_in).

    Shapes: x is `[*rounds, N, in, H, W]`, y `[*rounds, N, out, H', W']` with H' = stride (H - 1) + dilation (kH - 1) +
    1 - 2 padding + output_padding. Raises ShapeError for other channels, other axes, and where nothing would be left.

    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning (arXiv 1603.07285), chapter 4.
    """

    axes = 2
    input_axis: ClassVar[int] = -3
    conformance = Conformance(
        examples=(
            {"in_channels": 2, "out_channels": 3, "kernel_size": 3},
            {"in_channels": 2, "out_channels": 4, "kernel_size": [2, 3], "stride": 2, "padding": [0, 1], "groups": 2},
            {"in_channels": 2, "out_channels": 1, "kernel_size": 2, "stride": 3, "output_padding": [2, 1]},
        ),
        input_shape=(2, 4, 3),
        refused=({"kernel_size": [3]}, {"groups": 3}, {"padding": -1}, {"output_padding": 3}),
    )

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        init: Initializer | str = "kaiming_uniform",
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, init)
        self.output_padding = per_axis("output_padding", output_padding, self.axes, 0)
        steps = zip(self.output_padding, self.stride, self.dilation, strict=True)
        fits = all(over < max(s, d) for over, s, d in steps)
        require("output_padding", output_padding, fits, "less than the stride or the dilation")

    def convolve(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        over = self.output_padding
        return torch.conv_transpose2d(x, w, b, self.stride, self.padding, over, self.groups, self.dilation)

    def weight_gradient(self, x: Tensor, dy: Tensor) -> Tensor:
        return weight_gradient(dy, x, self.kernel, self.stride, self.padding, self.dilation, self.groups)

    def input_gradient(self, dy: Tensor, w: Tensor) -> Tensor:
        dx = torch.conv2d(dy, w, None, self.stride, self.padding, self.dilation, self.groups)
        # An output padding as large as the stride is room for windows that no number of x gave.
        return dx[..., : self.x.shape[-2], : self.x.shape[-1]]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self.require_shape(shape)
        windows = zip(shape[1:], *self._geometry(), self.output_padding, strict=True)
        sizes = [s * (size - 1) + d * (k - 1) + 1 - 2 * p + over for size, k, s, p, d, over in windows]
        if min(sizes) < 1:
            raise ShapeError(f"conv_transpose2d leaves nothing of maps {list(shape[1:])}; write a smaller padding")
        return (self.out_channels, *sizes)

    def operations(self, shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight at each place of x, and a sum for each bias."""
        each = 2 * self.out_channels // self.groups * math.prod(self.kernel)
        return math.prod(shape) * each + (self.bias is not None) * math.prod(self.output_shape(shape))

    def _weight_shape(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups
