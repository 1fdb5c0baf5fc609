"""Normalisation by the root mean square."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Normal, saved
from minidl_core.spec import Conformance
from minidl_extra_layers.norm_of_last_axes import NormOfLastAxes


class RMSNorm(NormOfLastAxes):
    """y = w x̂ with x̂ = x / r and r = √(mean(x²) + eps), of each row over its last axes.

    dw = Σ dy x̂ over all rows,   dx = (g - x̂ mean(g x̂)) / r with g = w dy, since dr/dxⱼ = x̂ⱼ / n.

    Convention: `torch.nn.RMSNorm`.

    Args:
        normalized_shape: the sizes of the last axes, a list; a whole number is the size of the last one.
        eps: greater than 0; none takes the distance from 1 to the next number of x's type.
        elementwise_affine: whether there is a w, which begins as 1.
        axes: how many axes an example has, 1 for features, 2 for sequences `[L, D]`; a spec fills in what it
            knows. Where it is less than the axes of normalized_shape, these are all.

    Shapes: x and y are `[*rounds, N, *places, *normalized_shape]`, w `[*normalized_shape]`. Raises ArgumentError for an
    argument that is out of range, ShapeError for other last axes. Source: Zhang and Sennrich 2019, Root mean square
    layer normalization, NeurIPS, section 4.
    """

    conformance = Conformance(
        examples=(
            {"normalized_shape": 4},
            {"normalized_shape": 4, "axes": 3},
            {"normalized_shape": [2, 4], "axes": 3},
            {"normalized_shape": [3, 2, 4], "eps": 0.1},
        ),
        input_shape=(3, 2, 4),
        refused=({"normalized_shape": []}, {"normalized_shape": [3, 0]}),
    )
    x_hat: Tensor = saved()
    root: Tensor = saved()

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        axes: int = 1,
    ) -> None:
        super().__init__(normalized_shape, axes)
        require("eps", eps, eps is None or eps > 0, "greater than 0, or none")
        self.eps = eps
        self.weight = self.parameter(Normal(mean=1.0, std=0.0)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:  # [*, N, *places, *normalized_shape]
        self.require_shape(x)
        eps = torch.finfo(x.dtype).eps if self.eps is None else self.eps
        self.root = ((x**2).mean(self.last, keepdim=True) + eps).sqrt()
        self.x_hat = x / self.root
        return self.x_hat if self.weight is None else self.x_hat * self.along_rows(self.weight.value)

    def backward(self, dy: Tensor) -> Tensor:
        dx_hat = dy
        if self.weight is not None:
            self.weight.grad = (dy * self.x_hat).sum(self.rows)
            dx_hat = dy * self.along_rows(self.weight.value)
        return (dx_hat - self.x_hat * (dx_hat * self.x_hat).mean(self.last, keepdim=True)) / self.root
