"""Layer normalisation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Normal, Zeros, saved
from minidl_core.spec import Conformance
from minidl_extra_layers.norm_of_last_axes import NormOfLastAxes
from minidl_extra_layers.normalized import normalized, through_normalized


class LayerNorm(NormOfLastAxes):
    """y = w x̂ + b with x̂ = (x - μ) / √(σ² + eps), of the mean μ and the variance σ² of each row over its last axes.

    dw = Σ dy x̂,   db = Σ dy over all rows,   dx = (g - mean(g) - x̂ mean(g x̂)) / √(σ² + eps) with g = w dy, and means
    over the last axes.

    Convention: `torch.nn.LayerNorm`.

    Args:
        normalized_shape: the sizes of the last axes, a list; a whole number is the size of the last one.
        eps: greater than 0.
        elementwise_affine: whether there are w and b, which begin as 1 and 0.
        bias: whether there is a b beside w.
        axes: how many axes an example has, 1 for features, 2 for sequences `[L, D]`; a spec fills in what it
            knows. Where it is less than the axes of normalized_shape, these are all.

    Shapes: x and y are `[*rounds, N, *places, *normalized_shape]`, w and b `[*normalized_shape]`. Raises ArgumentError
    for an argument that is out of range, ShapeError for other last axes. Source: Ba, Kiros and Hinton 2016, Layer
    normalization, arXiv:1607.06450, section 3.
    """

    conformance = Conformance(
        examples=(
            {"normalized_shape": 4},
            {"normalized_shape": 4, "axes": 3},
            {"normalized_shape": [2, 4], "axes": 3},
            {"normalized_shape": [3, 2, 4]},
        ),
        input_shape=(3, 2, 4),
        refused=({"normalized_shape": []}, {"normalized_shape": [3, 0]}),
    )
    x_hat: Tensor = saved()
    deviation: Tensor = saved()

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        axes: int = 1,
    ) -> None:
        super().__init__(normalized_shape, axes)
        require("eps", eps, eps > 0, "greater than 0")
        self.eps = eps
        self.weight = self.parameter(Normal(mean=1.0, std=0.0)) if elementwise_affine else None
        self.bias = self.parameter(Zeros()) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:  # [*, N, *places, *normalized_shape]
        self.require_shape(x)
        self.x_hat, _, _, self.deviation = normalized(x, self.last, self.eps)
        y = self.x_hat if self.weight is None else self.x_hat * self.along_rows(self.weight.value)
        return y if self.bias is None else y + self.along_rows(self.bias.value)

    def backward(self, dy: Tensor) -> Tensor:
        dx_hat = dy
        if self.bias is not None:
            self.bias.grad = dy.sum(self.rows)
        if self.weight is not None:
            self.weight.grad = (dy * self.x_hat).sum(self.rows)
            dx_hat = dy * self.along_rows(self.weight.value)
        return through_normalized(dx_hat, self.x_hat, self.deviation, self.last)
