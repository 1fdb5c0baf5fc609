"""The fully connected layer."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from minidl_core.errors import RequestError, ShapeError, require
from minidl_core.nn.initializers import Initializer, KaimingUniform
from minidl_core.nn.module import Module
from minidl_core.nn.parameter import Parameter
from minidl_core.nn.saved import saved
from minidl_core.spec.shape import spelt


class Linear(Module):
    """y = x W + b.

    dW = xᵀ dy,   db = Σ dy over the batch,   dx = dy Wᵀ.

    Args:
        in_features, out_features: the sizes of x and y, each at least 1.
        bias: whether there is a b.
        init: what W is drawn from, `[in, out]`; b, `[out]`, is U(-1/√in, 1/√in), as in PyTorch.

    Shapes: x is `[*rounds, N, in]`, y `[*rounds, N, out]`. Source: Goodfellow, Bengio, Courville, Deep Learning (2016),
    section 6.5.6.
    """

    input_argument: ClassVar[str | None] = "in_features"
    output_argument: ClassVar[str | None] = "out_features"
    x: Tensor = saved()

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, init: Initializer | str = "kaiming_uniform"
    ) -> None:
        require("in_features", in_features, in_features > 0, "at least 1")
        require("out_features", out_features, out_features > 0, "at least 1")
        self.in_features, self.out_features = in_features, out_features
        fans = in_features, out_features
        self.weight = Parameter((in_features, out_features), init, *fans)
        self.bias = Parameter((out_features,), KaimingUniform(), *fans) if bias else None

    def forward(self, x: Tensor) -> Tensor:  # [*, N, in] -> [*, N, out]
        self.require_inputs(x)
        self.x = x
        y = x @ self.weight.value
        return y if self.bias is None else y + self.bias.value.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:  # [*, N, out] -> [*, N, in]
        self.weight.grad = self.x.mT @ dy
        if self.bias is not None:
            self.bias.grad = dy.sum(-2)
        return dy @ self.weight.value.mT

    def require_inputs(self, x: Tensor) -> None:
        """Raise ShapeError for inputs of another size than the weight is for, RequestError for another type."""
        weight = self.weight.value
        if x.shape[-1] != self.in_features:
            raise ShapeError(f"{self} expects inputs of size {self.in_features}, got {list(x.shape)}")
        if x.dtype != weight.dtype:
            raise RequestError(
                f"{self} has weights of {weight.dtype}, got inputs of {x.dtype}; convert them, or give their dtype to "
                "the model's initialize"
            )

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if shape != (self.in_features,):
            advice = "; put flatten before it" if len(shape) > 1 else ""
            raise ShapeError(f"linear expects {self.in_features} inputs but gets {spelt(shape)}{advice}")
        return (self.out_features,)

    def operations(self, shape: tuple[int, ...]) -> int:
        return 2 * self.in_features * self.out_features + (self.out_features if self.bias is not None else 0)
