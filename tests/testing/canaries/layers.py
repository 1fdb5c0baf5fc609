"""Layers that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Linear, Module, Parameter, ReLU, Sequential, Tanh
from minidl_core.nn.initializers import Normal
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance

INPUT = "the gradient of the input equals central differences"
PARAMETERS = "the gradients of the parameters equal central differences"
AUTOGRAD = "backward equals autograd through forward"
UNCHANGED = "inputs and weights are left as they were"
SET = "gradients are set and not added to"
SHARED = "two layers share nothing"
ORDER = "backward before forward is refused"
ROWS = "rows do not depend on each other"
NUMBER = "any number of rows is taken"
ROUNDS = "rounds at once equal each round alone"
DTYPE = "dtype is kept"
DEVICE = "device is kept"
LARGE = "large inputs give finite numbers"
EVALUATION = "in evaluation nothing is drawn and rows are independent"
AFTERWARDS = "training goes on after evaluation"
DOCUMENTED = "it is built and documented"
REFUSED = "bad arguments are refused when it is built"
COPIED = "a copy is equal and another"


class FactorInInputGradient(Linear):
    """dx is a thousandth too large."""

    rejected_by = INPUT

    def backward(self, dy: Tensor) -> Tensor:
        return 1.001 * super().backward(dy)


class SmallFactorInInputGradient(Tanh):
    """dx is half a thousandth too large."""

    rejected_by = INPUT

    def backward(self, dy: Tensor) -> Tensor:
        return 1.0005 * super().backward(dy)


class FactorInWeightGradient(Linear):
    """dW is half a thousandth too small."""

    rejected_by = PARAMETERS

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        self.weight.grad = self.weight.grad * 0.9995
        return dx


class TransposedWeightGradient(Linear):
    """dW is dyᵀ x, which has the shape of xᵀ dy where the layer is square."""

    rejected_by = PARAMETERS
    conformance = Conformance(examples=({"in_features": 3, "out_features": 3},))

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        self.weight.grad = dy.mT @ self.x
        return dx


class TransposedInputGradient(Linear):
    """dx is dy W and not dy Wᵀ."""

    rejected_by = INPUT
    conformance = Conformance(examples=({"in_features": 3, "out_features": 3},))

    def backward(self, dy: Tensor) -> Tensor:
        super().backward(dy)
        return dy @ self.weight.value


class BiasGradientIsAMean(Linear):
    """db is the mean of dy over the batch, and not the sum."""

    rejected_by = PARAMETERS

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        if self.bias is not None:
            self.bias.grad = dy.mean(-2)
        return dx


class ForgottenBiasGradient(Linear):
    """db is not set."""

    rejected_by = SET

    def backward(self, dy: Tensor) -> Tensor:
        self.weight.grad = self.x.mT @ dy
        return dy @ self.weight.value.mT


class AddedGradients(Linear):
    """Gradients are added to what they were, as PyTorch's are."""

    rejected_by = SET

    def backward(self, dy: Tensor) -> Tensor:
        before = self.weight.grad.clone()
        dx = super().backward(dy)
        self.weight.grad = before + self.weight.grad
        return dx


class WrongOnOneSide(Module):
    """x where x > 0, else x / 2, whose derivative below 0 is forgotten."""

    rejected_by = INPUT
    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, x / 2)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x > 0)


class WrongFarOut(Module):
    """x, clipped at 4 without a derivative of 0 there."""

    rejected_by = INPUT

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(-4, 4)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class ForwardIsNotWhatIsDifferentiated(Tanh):
    """Gives numbers that autograd cannot follow to the input."""

    rejected_by = AUTOGRAD

    def forward(self, x: Tensor) -> Tensor:
        self.y = x.tanh()
        return self.y.detach() + 0 * x


class InputChangedInPlace(ReLU):
    """Clamps the caller's tensor."""

    rejected_by = UNCHANGED

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x.clamp_(min=0)


class DyChangedInPlace(Tanh):
    """Multiplies the caller's dy."""

    rejected_by = UNCHANGED

    def backward(self, dy: Tensor) -> Tensor:
        return dy.mul_(1 - self.y**2)


class WeightsChangedInPlace(Linear):
    """Clips its weights while it is used."""

    rejected_by = UNCHANGED

    def forward(self, x: Tensor) -> Tensor:
        self.weight.value.clamp_(-0.5, 0.5)
        return super().forward(x)


class StateOfTheClass(Tanh):
    """Keeps what backward needs where every instance finds it."""

    rejected_by = SHARED

    def forward(self, x: Tensor) -> Tensor:
        type(self).kept = x.tanh()  # type: ignore[attr-defined]
        self.y = x.tanh()
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (1 - type(self).kept ** 2)  # type: ignore[attr-defined]


class BackwardWithoutForward(ReLU):
    """Takes its input for 0 where there was none."""

    rejected_by = ORDER

    def __init__(self) -> None:
        self.x = torch.zeros(())


class BackwardWithoutForwardFails(ReLU):
    """Raises Python's own error where backward comes first."""

    rejected_by = ORDER

    def forward(self, x: Tensor) -> Tensor:
        self.kept = x
        return super().forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.kept > 0)


class RowsMixed(Module):
    """x less the mean over the batch, without a word about it."""

    rejected_by = ROWS

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(-2, keepdim=True)

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True)


class NoSingleRow(ReLU):
    """Drops the batch axis where there is one row."""

    rejected_by = NUMBER

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze(-2) if x.shape[-2] == 1 else super().forward(x)


class NoRowsFail(ReLU):
    """Looks at the first row."""

    rejected_by = NUMBER
    says = "IndexError"

    def forward(self, x: Tensor) -> Tensor:
        self.first = x[..., 0, :]
        return super().forward(x)


class WrongOutputShape(Linear):
    """Says another size than it gives."""

    rejected_by = NUMBER

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_features + 1,)


class RoundsSummed(Linear):
    """db is summed over the first axis, which is the batch only where there are no rounds."""

    rejected_by = ROUNDS

    def backward(self, dy: Tensor) -> Tensor:
        dx = super().backward(dy)
        if self.bias is not None:
            self.bias.grad = dy.sum(0) if dy.dim() == 2 else dy.sum((0, 1)).expand_as(self.bias.grad)
        return dx


class RoundsMixed(Module):
    """Scales by the mean over everything, rounds too; and takes that for a constant."""

    rejected_by = ROUNDS

    def forward(self, x: Tensor) -> Tensor:
        return x * (2.0 if x.dim() == 2 else 3.0)

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (2.0 if dy.dim() == 2 else 3.0)


class AlwaysFloat32(Tanh):
    """Gives float32, whatever it is given."""

    rejected_by = DTYPE

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


class AlwaysFloat64(Tanh):
    """Its derivative is float64, whatever it is given."""

    rejected_by = DTYPE

    def backward(self, dy: Tensor) -> Tensor:
        return super().backward(dy).double()


class AlwaysOnTheCPU(ReLU):
    """Makes a tensor without saying where."""

    rejected_by = DEVICE

    def backward(self, dy: Tensor) -> Tensor:
        return torch.where(self.x > 0, dy, torch.zeros(dy.shape, dtype=dy.dtype))


class Overflows(Module):
    """x / (1 + e⁻ˣ), its derivative by way of eˣ / (1 + eˣ), which is ∞ / ∞ in float32 from 89 on."""

    rejected_by = LARGE
    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return x / (1 + (-x).exp())

    def backward(self, dy: Tensor) -> Tensor:
        s = self.x.exp() / (1 + self.x.exp())
        return dy * s * (1 + self.x * (1 - s))


class RandomInEvaluation(Module):
    """Drops half of the inputs, in evaluation too."""

    rejected_by = EVALUATION
    mask: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        self.mask = (torch.rand_like(x) < 0.5).to(x.dtype)
        return x * self.mask

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.mask


class AnotherMaskInBackward(Module):
    """Drops half of the inputs, and others in backward."""

    rejected_by = INPUT

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) < 0.5) if self.training else x

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (torch.rand_like(dy) < 0.5) if self.training else dy


class KeepsEvaluation(Sequential):
    """Sets the mode of itself alone."""

    rejected_by = EVALUATION
    conformance = Conformance(examples=({"layers": ["tanh", "relu"]},))

    def train(self, mode: bool = True) -> KeepsEvaluation:
        self.training = mode
        return self


class NeverTrainsAgain(Module):
    """Doubles in training; after an evaluation it does so no more."""

    rejected_by = AFTERWARDS
    evaluated = False

    def forward(self, x: Tensor) -> Tensor:
        self.evaluated = self.evaluated or not self.training
        return x if self.evaluated else 2 * x

    def backward(self, dy: Tensor) -> Tensor:
        return dy if self.evaluated else 2 * dy


class Undocumented(Tanh):
    rejected_by = DOCUMENTED


class AnythingGoes(Module):
    """Takes any value for its slope."""

    rejected_by = REFUSED
    x: Tensor = saved()

    def __init__(self, slope=0.5) -> None:  # type: ignore[no-untyped-def]
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.where(x > 0, x, self.slope * x)

    def backward(self, dy: Tensor) -> Tensor:
        return torch.where(self.x > 0, dy, self.slope * dy)


class AnyNumberGoes(AnythingGoes):
    """Takes any number for its slope, and does not say that it means to."""

    rejected_by = REFUSED

    def __init__(self, slope: float = 0.5) -> None:
        self.slope = slope


class TheWrongError(AnythingGoes):
    """Refuses with an error that no one takes for bad arguments."""

    rejected_by = REFUSED

    def __init__(self, slope: float = 0.5) -> None:
        assert 0 <= slope < 1
        self.slope = slope


class RefusesTooLittle(AnythingGoes):
    """Refuses no size of 0, which it declares that it does."""

    rejected_by = REFUSED
    conformance = Conformance(refused=({"slope": 1.0},))

    def __init__(self, slope: float = 0.5) -> None:
        require("slope", slope, abs(slope) < 100, "small")
        self.slope = slope


class CannotBeCopied(Tanh):
    """Holds something that cannot be copied."""

    rejected_by = COPIED
    says = "cannot pickle"

    def __init__(self) -> None:
        self.open = (number for number in range(3))


class LeavesProgram(Tanh):
    """Calls sys.exit."""

    rejected_by = INPUT
    says = "SystemExit: 3"

    def backward(self, dy: Tensor) -> Tensor:
        raise SystemExit(3)


class NotDifferentiable(Module):
    """Rounds to steps so small that no slope is the same on both sides."""

    rejected_by = INPUT

    def forward(self, x: Tensor) -> Tensor:
        return (x * 2.7e5).round() / 2.7e5

    def backward(self, dy: Tensor) -> Tensor:
        return dy


class SharesAParameter(Module):
    """Two names for one parameter."""

    rejected_by = PARAMETERS
    says = "two layers share a parameter"

    def __init__(self) -> None:
        self.one = Parameter((3,), Normal(), 3, 3)
        self.other = self.one

    def forward(self, x: Tensor) -> Tensor:
        return x + self.one.value.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:
        self.one.grad = dy.sum(-2)
        return dy
