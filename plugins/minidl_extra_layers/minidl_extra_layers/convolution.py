"""Convolutions of sequences and of maps."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Initializer, KaimingUniform, Module, Parameter
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_layers.each_round import each_round
from minidl_extra_layers.examples import shape_of_examples
from minidl_extra_layers.weight_gradient import CONVOLUTIONS, weight_gradient
from minidl_extra_layers.windows import Sizes, per_axis, places, require_maps

TRANSPOSED: dict[int, Any] = {1: torch.conv_transpose1d, 2: torch.conv_transpose2d}


class Convolution(Module):
    """y[n, o, p] = b[o] + Σ_{c, k} W[o, c, k] x[n, c, stride p + dilation k - padding], x being 0 outside.

    dW[o, c, k] = Σ_{n, p} dy[n, o, p] x[n, c, stride p + dilation k - padding],   db[o] = Σ_{n, p} dy[n, o, p],
    dx[n, c, q] = Σ W[o, c, k] dy[n, o, p] over all o, p and k with stride p + dilation k - padding = q.
    """

    input_argument: ClassVar[str | None] = "in_channels"
    axes: ClassVar[int]
    """Of a kernel."""
    x: Tensor = saved()

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | Literal["same", "valid"] = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer | str = "kaiming_uniform",
    ) -> None:
        require("in_channels", in_channels, in_channels > 0, "at least 1")
        require("out_channels", out_channels, out_channels > 0, "at least 1")
        divides = groups > 0 and in_channels % groups == out_channels % groups == 0
        require("groups", groups, divides, f"a divisor of {in_channels} and {out_channels} channels")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel = per_axis("kernel_size", kernel_size, self.axes, 1)
        self.stride = per_axis("stride", stride, self.axes, 1)
        self.dilation = per_axis("dilation", dilation, self.axes, 1)
        self.padding = self._padding(padding)
        window = math.prod(self.kernel)
        shape = self._weight_shape()
        fans = shape[1] * window, shape[0] * window
        self.weight = Parameter((*shape, *self.kernel), init, *fans)
        self.bias = Parameter((out_channels,), KaimingUniform(), *fans) if bias else None

    def forward(self, x: Tensor) -> Tensor:  # [*, N, in, *size] -> [*, N, out, *places]
        self.output_shape(shape_of_examples(x, self.axes + 1))
        self.x = x
        b = [] if self.bias is None else [(self.bias.value, 1)]
        return each_round(self.convolve, self.maps(x), self.maps(self.weight.value), *b)

    def backward(self, dy: Tensor) -> Tensor:  # [*, N, out, *places] -> [*, N, in, *size]
        self.weight.grad = each_round(self.weight_gradient, self.maps(self.x), self.maps(dy))
        if self.bias is not None:
            self.bias.grad = dy.sum((-self.axes - 2, *range(-self.axes, 0)))
        return each_round(self.input_gradient, self.maps(dy), self.maps(self.weight.value))

    def maps(self, tensor: Tensor) -> tuple[Tensor, int]:
        """A tensor with its axes beside those of rounds: examples or outputs, channels, and those of a kernel."""
        return tensor, self.axes + 2

    # -- without rounds -------------------------------------------------------------------------------------

    def convolve(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        y: Tensor = CONVOLUTIONS[self.axes](x, w, b, self.stride, self.padding, self.dilation, self.groups)
        return y

    def weight_gradient(self, x: Tensor, dy: Tensor) -> Tensor:
        return weight_gradient(x, dy, self.kernel, self.stride, self.padding, self.dilation, self.groups)

    def input_gradient(self, dy: Tensor, w: Tensor) -> Tensor:
        # What the stride leaves over behind the last window is seen by none.
        windows = zip(self.x.shape[-self.axes :], *self._geometry(), strict=True)
        over = [(size + 2 * p - d * (k - 1) - 1) % s for size, k, s, p, d in windows]
        dx: Tensor = TRANSPOSED[self.axes](dy, w, None, self.stride, self.padding, over, self.groups, self.dilation)
        return dx

    # -- shapes ---------------------------------------------------------------------------------------------

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self.require_shape(shape)
        windows = zip(shape[1:], *self._geometry(), strict=True)
        return (self.out_channels, *(places(size, k, s, p, d) for size, k, s, p, d in windows))

    def operations(self, shape: tuple[int, ...]) -> int:
        """A product and a sum for each weight at each place, and a sum for each bias."""
        each = 2 * self.in_channels // self.groups * math.prod(self.kernel)
        return math.prod(self.output_shape(shape)) * (each + (self.bias is not None))

    def require_shape(self, shape: tuple[int, ...]) -> None:
        require_maps(self, shape, self.in_channels, *("HW" if self.axes == 2 else "L"))

    def _geometry(self) -> tuple[tuple[int, ...], ...]:
        return self.kernel, self.stride, self.padding, self.dilation

    def _weight_shape(self) -> tuple[int, int]:
        return self.out_channels, self.in_channels // self.groups

    def _padding(self, padding: Sizes | str) -> tuple[int, ...]:
        if not isinstance(padding, str):
            return per_axis("padding", padding, self.axes, 0)
        if padding == "valid":
            return (0,) * self.axes
        both = [d * (k - 1) for k, d in zip(self.kernel, self.dilation, strict=True)]
        even = set(self.stride) == {1} and not any(one % 2 for one in both)
        require("padding", padding, even, "a number where the stride is not 1 or a kernel has no middle")
        return tuple(one // 2 for one in both)


class Conv1d(Convolution):
    """y[o, p] = b[o] + Σ_{c, k} W[o, c, k] x[c, stride p + dilation k - padding], of each example; x is 0 outside.

    dW[o, c, k] = Σ dy[o, p] x[c, stride p + dilation k - padding] over examples and places p,   db = Σ dy over both,
    dx: a transposed convolution of dy with W. The formulas in code are `Convolution`'s.

    Equals `torch.nn.Conv1d`, weights and all.

    Args:
        in_channels, out_channels: of x and y, each at least 1.
        kernel_size, stride, dilation: at least 1.
        padding: how many zeros are put before and behind, or "same" (with a stride of 1: as many as keep the length;
            for kernels with a middle) or "valid" (none).
        groups: in how many parts the channels are taken, each output from the inputs of its own part alone.
        bias: whether there is a b.
        init: what W is drawn from, `[out, in/groups, kernel]`; b, `[out]`, is U(-1/√fan_in, 1/√fan_in).

    Shapes: x is `[*rounds, N, in, L]`, y `[*rounds, N, out, ⌊(L + 2 padding - dilation (kernel - 1) - 1) / stride⌋ +
    1]`. Raises ShapeError for other channels, other axes, and sequences that are too short.

    Source: Waibel et al. 1989, Phoneme recognition using time-delay neural networks, IEEE Transactions on Acoustics,
    Speech, and Signal Processing 37.
    """

    axes = 1
    input_axis: ClassVar[int] = -2
    conformance = Conformance(
        examples=(
            {"in_channels": 2, "out_channels": 3, "kernel_size": 3},
            {"in_channels": 2, "out_channels": 4, "kernel_size": [2], "stride": 2, "padding": 1, "groups": 2},
            {"in_channels": 2, "out_channels": 1, "kernel_size": 3, "padding": "same", "dilation": 2},
        ),
        input_shape=(2, 6),
        refused=({"kernel_size": [3, 3]}, {"groups": 3}, {"padding": -1}, {"stride": 2, "padding": "same"}),
    )


class Conv2d(Convolution):
    """y[o, p] = b[o] + Σ_{c, k} W[o, c, k] x[c, stride p + dilation k - padding], p and k in rows and columns.

    dW[o, c, k] = Σ dy[o, p] x[c, stride p + dilation k - padding] over examples and places p,   db = Σ dy over both,
    dx: a transposed convolution of dy with W. The formulas in code are `Convolution`'s.

    Equals `torch.nn.Conv2d`, weights and all.

    Args:
        in_channels, out_channels: of x and y, each at least 1.
        kernel_size, stride, dilation: at least 1; one number for rows and columns, or a list of two.
        padding: how many zeros are put on each side, or "same" (with a stride of 1: as many as keep the size; for
            kernels with a middle) or "valid" (none).
        groups: in how many parts the channels are taken, each output from the inputs of its own part alone.
        bias: whether there is a b.
        init: what W is drawn from, `[out, in/groups, kH, kW]`; b, `[out]`, is U(-1/√fan_in, 1/√fan_in).

    Shapes: x is `[*rounds, N, in, H, W]`, y `[*rounds, N, out, H', W']` with H' = ⌊(H + 2 padding - dilation (kH - 1)
    - 1) / stride⌋ + 1. Raises ShapeError for other channels, other axes, and maps that are too small.

    Source: LeCun et al. 1998, Gradient-based learning applied to document recognition, Proceedings of the IEEE 86,
    section II; Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5.
    """

    axes = 2
    input_axis: ClassVar[int] = -3
    conformance = Conformance(
        examples=(
            {"in_channels": 2, "out_channels": 3, "kernel_size": 3},
            {"in_channels": 2, "out_channels": 4, "kernel_size": [2, 3], "stride": 2, "padding": [0, 1], "groups": 2},
            {"in_channels": 2, "out_channels": 1, "kernel_size": [1, 3], "padding": "same", "dilation": 2},
        ),
        input_shape=(2, 5, 4),
        refused=({"kernel_size": [3]}, {"groups": 3}, {"padding": -1}, {"stride": 2, "padding": "same"}),
    )
