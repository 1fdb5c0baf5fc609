"""The kit accepts what is right, also where it draws, learns, holds other layers or moves by signs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.losses import ElementwiseLoss, Loss, row_share
from minidl_core.nn import FlatParameters, Module, Parameter
from minidl_core.nn.initializers import Normal
from minidl_core.nn.saved import saved
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance
from minidl_core.spec.component import Component
from minidl_core.testing import check_component


class Dropout(Module):
    """x with a part p of it left out in training, the rest scaled by 1 / (1 - p)."""

    mask: Tensor = saved()

    def __init__(self, p: float = 0.5) -> None:
        require("p", p, 0 <= p < 1, "0 or greater and less than 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            self.mask = x.new_ones(())
            return x
        self.mask = (torch.rand_like(x) >= self.p) / (1 - self.p)
        return x * self.mask.to(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.mask.to(dy)


class PReLU(Module):
    """x where x > 0, else x times a learned slope for each feature."""

    input_argument = "features"
    x: Tensor = saved()

    def __init__(self, features: int) -> None:
        require("features", features, features > 0, "at least 1")
        self.features = features
        self.slope = Parameter((features,), Normal(std=0.25), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, x * self.slope.value.unsqueeze(-2))

    def backward(self, dy: Tensor) -> Tensor:
        self.slope.grad = (dy * self.x.clamp(max=0)).sum(-2)
        return torch.where(self.x > 0, dy, dy * self.slope.value.unsqueeze(-2))


class Softmax(Module):
    """eˣ / Σ eˣ over the features."""

    y: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.softmax(-1)
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return self.y * (dy - (dy * self.y).sum(-1, keepdim=True))


class Residual(Module):
    """x + inner(x)."""

    conformance = Conformance(examples=({"inner": "linear(3,3)-tanh"},), refused=({"inner": "nothing"},))

    def __init__(self, inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy + self.inner.backward(dy)


class Exp(Module):
    """eˣ, which overflows far out."""

    conformance = Conformance(
        expected_failures={"large inputs give finite numbers": "e to the 100 is more than float32 holds"}
    )
    y: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.exp()
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.y


class Halve(Module):
    """x / 2, whose derivative needs nothing of x."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2

    def backward(self, dy: Tensor) -> Tensor:
        return dy / 2


class Conv1x1(Module):
    """The same matrix at each place of a map `[*, N, C, H, W]`."""

    conformance = Conformance(examples=({"channels": 2},), input_shape=(2, 3, 4))
    input_argument, input_axis = "channels", -3
    x: Tensor = saved()

    def __init__(self, channels: int) -> None:
        require("channels", channels, channels > 0, "at least 1")
        self.channels = channels
        self.weight = Parameter((channels, channels), Normal(), channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.einsum("...nchw,...cd->...ndhw", x, self.weight.value)

    def backward(self, dy: Tensor) -> Tensor:
        self.weight.grad = torch.einsum("...nchw,...ndhw->...cd", self.x, dy)
        return torch.einsum("...ndhw,...cd->...nchw", dy, self.weight.value)


class Centred(Module):
    """x less the mean of the batch, in evaluation less the running one, which is learned beside parameters."""

    conformance = Conformance(rows_depend=lambda _, training: training)

    def __init__(self) -> None:
        self.mean = torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x - self.mean.to(x).unsqueeze(-2)
        mean = x.mean(-2)
        if x.shape[-2]:
            self.mean = 0.9 * self.mean.to(x) + 0.1 * mean
        return x - mean.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True) if self.training else dy


class Chosen(Module):
    """The number of a table that each whole number is the index of."""

    conformance = Conformance(whole_inputs=4)
    is_row: Tensor = saved()

    def __init__(self) -> None:
        self.table = Parameter((4,), Normal(), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.is_row = (x.unsqueeze(-1) == torch.arange(4, device=x.device)).to(x)
        return (self.is_row * self.table.value[..., None, None, :]).sum(-1)

    def backward(self, dy: Tensor) -> Tensor:
        self.table.grad = (self.is_row * dy.unsqueeze(-1)).sum((-3, -2))
        return torch.zeros_like(dy)


class Quantile(ElementwiseLoss):
    """q e where e = t - y > 0, else (q - 1) e."""

    slope: Tensor = saved()

    def __init__(self, q: float = 0.5) -> None:
        require("q", q, 0 < q < 1, "between 0 and 1")
        self.q = q

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.slope = (y > t).to(y) - self.q
        return self.slope * (y - t)

    def derivative(self) -> Tensor:
        return self.slope


class OneNumber(Loss):
    """The squared error of models with a single output alone."""

    error: Tensor = saved()
    share: Tensor | float = saved()

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if target.shape != output.shape or output.shape[-1] != 1:
            raise ShapeError(f"output {list(output.shape)} and target {list(target.shape)} must both be [*, N, 1]")
        self.error, self.share = output - target, row_share(output, sample_weight)
        return (self.error**2 * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return 2 * self.error * self.share


class TwoHalves(Loss):
    """The squared error of the mean of two outputs for each target."""

    error: Tensor = saved()
    share: Tensor | float = saved()

    def outputs_for(self, targets: int) -> int:
        return 2 * targets

    def predicted(self, output: Tensor) -> Tensor:
        first, second = output.chunk(2, -1)
        return (first + second) / 2

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if output.shape != (*target.shape[:-1], 2 * target.shape[-1]):
            raise ShapeError(
                f"output {list(output.shape)} and target {list(target.shape)} must be [*, N, 2 T], [*, N, T]"
            )
        self.error, self.share = self.predicted(output) - target, row_share(output, sample_weight)
        return (self.error**2 * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        half = self.error * self.share
        return torch.cat([half, half], -1)


class Rates(Loss):
    """y - t log y, of rates, which are above 0."""

    conformance = Conformance(outputs=lambda _, y: y.abs() + 0.1)
    y: Tensor = saved()
    t: Tensor = saved()
    share: Tensor | float = saved()

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if target.shape != output.shape:
            raise ShapeError(f"output {list(output.shape)} and target {list(target.shape)} must be alike")
        self.y, self.t, self.share = output, target, row_share(output, sample_weight)
        return ((output - target * output.log()) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return (1 - self.t / self.y) * self.share


class Lion(Optimizer):
    """w -= lr sign(β₁ m + (1 - β₁) g),   m = β₂ m + (1 - β₂) g; with a decoupled decay."""

    def __init__(self, lr: float = 0.01, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> None:
        require("lr", lr, lr > 0, "greater than 0")
        require("betas", betas, all(0 <= beta < 1 for beta in betas), "two numbers, each 0 or greater and less than 1")
        require("weight_decay", weight_decay, weight_decay >= 0, "0 or greater")
        self.lr, self.betas, self.weight_decay = lr, betas, weight_decay

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        m, g = self.remembered("mean", parameters), parameters.grads
        direction = (self.betas[0] * m + (1 - self.betas[0]) * g).sign()
        parameters.values -= self.lr * (direction + self.weight_decay * parameters.values)
        m.mul_(self.betas[1]).add_(g, alpha=1 - self.betas[1])


RIGHT = [
    *(Dropout, PReLU, Softmax, Residual, Exp, Halve, Conv1x1, Centred, Chosen),
    *(Quantile, OneNumber, TwoHalves, Rates, Lion),
]


@pytest.mark.parametrize("component", RIGHT, ids=lambda component: component.__name__)
def test_what_is_right_passes(component: type[Component]) -> None:
    results = check_component(component.kind, component)
    assert [str(result) for result in results if not result.ok] == []
    assert sum(result.ran for result in results) > 10


def test_a_layer_that_draws_alike_for_all_rounds_is_rejected() -> None:
    class OneMask(Dropout):
        """The same mask for each round."""

        def forward(self, x: Tensor) -> Tensor:
            if not self.training:
                return super().forward(x)
            self.mask = (torch.rand(x.shape[-2:], dtype=x.dtype) >= self.p) / (1 - self.p)
            return x * self.mask.to(x)

    details = {result.check: result.detail for result in check_component("layer", OneMask) if not result.ok}
    assert details["rounds at once equal each round alone"] == "what it draws for one round it draws for the next"
