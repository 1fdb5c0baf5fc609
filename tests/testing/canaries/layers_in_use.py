"""Layers that are wrong on purpose where one that is tried but once, on one kind of input, seems right."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Linear, Module, Parameter, ReLU, Tanh
from minidl_core.nn.initializers import Normal
from minidl_core.nn.saved import saved

INPUT = "the gradient of the input equals central differences"
PARAMETERS = "the gradients of the parameters equal central differences"
LINEAR = "backward is linear in dy"
ALIKE = "equal inputs give finite numbers and the right slope"
FOUND = "every layer within is found"
NUMBER = "any number of rows is taken"
ROUNDS = "rounds at once equal each round alone"
LAYOUT = "any memory layout is taken"
BEFORE = "what was before changes nothing"
SHARED = "two layers share nothing"
DTYPE = "dtype is kept"
ARGUMENTS = "its arguments change what it does"
COPIED = "a copy is equal and another"


class MaskOfTheFirstBatch(ReLU):
    """Keeps its mask for the next batch of that shape."""

    rejected_by = BEFORE

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        masks = self.__dict__.setdefault("masks", {})
        return x * masks.setdefault(x.shape, (x > 0).to(x.dtype))


class OneBuffer(ReLU):
    """Writes each output into the memory of the one before."""

    rejected_by = BEFORE
    buffer: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        if self.buffer is None or self.buffer.shape != x.shape or x.requires_grad:
            self.buffer = x.clamp(min=0)
        else:
            torch.clamp(x, min=0, out=self.buffer)
        return self.buffer


class ClipsDy(Tanh):
    """Clips the gradient that it is given."""

    rejected_by = LINEAR

    def backward(self, dy: Tensor) -> Tensor:
        return super().backward(dy.clamp(-10, 10))


class NaNAtZero(Module):
    """sin x / x, which is 1 at 0, and 0 / 0 here."""

    rejected_by = ALIKE
    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.sin() / x

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x.cos() / self.x - self.x.sin() / self.x**2)


class EachOfEqualsTakesAll(Module):
    """The largest feature; of several that are as large, each gets the whole gradient."""

    rejected_by = ALIKE
    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.amax(-1, keepdim=True)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x == self.x.amax(-1, keepdim=True))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], 1)


class ClampsAtForty(Module):
    """x up to 40, with a derivative of 1 beyond."""

    rejected_by = INPUT

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(-40, 40)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class LastRowsOnly(Linear):
    """dW is that of the last 16 rows."""

    rejected_by = NUMBER

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        self.weight.grad = self.x[..., -16:, :].mT @ dy[..., -16:, :]
        return dx


class SqueezesItsBias(Linear):
    """db loses its axis where there is one output."""

    rejected_by = "the gradients of the parameters equal central differences"
    says = "a gradient of shape []"

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        if self.bias is not None:
            self.bias.grad = dy.sum(-2).squeeze()
        return dx


class BiasLostInEvaluation(Linear):
    """db is 0 in evaluation."""

    rejected_by = PARAMETERS

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        if self.bias is not None and not self.training:
            self.bias.grad = torch.zeros_like(self.bias.grad)
        return dx


class FoldsItsWeights(Linear):
    """Takes the weights of all rounds for one block of memory."""

    rejected_by = ROUNDS
    says = "view size"

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        self.weight.value.view(-1, self.out_features)
        return y


class RoundsOverFeatures(Module):
    """A scale for each round, laid over the features."""

    rejected_by = ROUNDS
    says = "The size of tensor"
    x: Tensor = saved()

    def __init__(self) -> None:
        self.scale = Parameter((1,), Normal(), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x * self.scale.value.squeeze(-1)

    def backward(self, dy: Tensor) -> Tensor:
        self.scale.grad = (dy * self.x).sum((-2, -1)).unsqueeze(-1)
        return dy * self.scale.value.squeeze(-1)


class RowsOfEachRound(Linear):
    """Needs a round axis in its input where its weights have one."""

    rejected_by = ROUNDS
    says = "AssertionError"

    def forward(self, x: Tensor) -> Tensor:
        assert x.dim() == self.weight.value.dim()
        return super().forward(x)


class NeedsRowByRow(Tanh):
    """Looks at its input as one row of numbers."""

    rejected_by = LAYOUT
    says = "view size"

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.view(-1).tanh().view(x.shape)
        return self.y


class ReadsMemory(Tanh):
    """Takes it that its input lies row by row."""

    rejected_by = LAYOUT

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.empty(x.shape, device="meta").stride()
        self.y = x.as_strided(x.shape, steps).tanh()
        return self.y


class HalfPrecision(Tanh):
    """Computes float32 in float16."""

    rejected_by = DTYPE

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            return super().forward(x)
        self.y = x.half().tanh().to(x.dtype)
        return self.y


class LayerInAList(Module):
    """Has a layer within that `children()` does not give."""

    rejected_by = FOUND

    def __init__(self) -> None:
        self.within = [Tanh()]

    def forward(self, x: Tensor) -> Tensor:
        return self.within[0].forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.within[0].backward(dy)


class ItsOwnCopy(Linear):
    """Gives itself as its copy."""

    rejected_by = COPIED

    def __deepcopy__(self, _: object) -> ItsOwnCopy:
        return self


class CopySharesWeights(Linear):
    """Gives its copies its own weights."""

    rejected_by = SHARED

    def __deepcopy__(self, _: object) -> CopySharesWeights:
        other = CopySharesWeights(**self.arguments)
        for name, value in vars(self).items():
            setattr(other, name, value)
        return other


class IgnoresItsBias(Linear):
    """Has a bias whatever it is told."""

    rejected_by = ARGUMENTS

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias=True)


class SlopeOfItsOwn(Module):
    """Takes a slope, and has another."""

    rejected_by = ARGUMENTS
    x: Tensor = saved()

    def __init__(self, slope: float = 0.1) -> None:
        require("slope", slope, 0 <= slope < 1, "0 or greater and less than 1")

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, 0.1 * x)

    def backward(self, dy: Tensor) -> Tensor:
        return torch.where(self.x > 0, dy, 0.1 * dy)
