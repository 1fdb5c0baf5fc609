"""Losses that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.losses import MSE, Loss, is_labels, row_share
from minidl_core.losses.loss import encode_labels
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance

DIFFERENCES = "backward equals central differences"
WEIGHTED_DIFFERENCES = "backward with sample weights equals central differences"
AUTOGRAD = "backward equals autograd through forward"
MEAN = "it is the mean over rows"
WEIGHTS = "a sample weight of k is the row k times"
UNCHANGED = "inputs are left as they were"
SHARED = "two losses share nothing"
ORDER = "backward before forward is refused"
SHAPES = "shapes that differ are refused"
ROWS = "rows do not depend on each other"
NUMBER = "any number of rows is taken"
ROUNDS = "rounds at once equal each round alone"
DTYPE = "dtype is kept"
DEVICE = "device is kept"
LARGE = "large outputs give finite numbers"
BEFORE = "what was before changes nothing"
BETTER = "a better answer costs less"
LABELS = "labels are what they are encoded as"
LAYOUT = "any memory layout is taken"
PREDICTS = "it predicts a value for each target"
ARGUMENTS = "its arguments change what it does"
REFUSED = "bad arguments are refused when it is built"


class FactorInGradient(MSE):
    """The gradient is half a thousandth too large."""

    rejected_by = DIFFERENCES

    def derivative(self) -> Tensor:
        return 2.001 * self.error


class ForgottenBatchMean(MSE):
    """The gradient is not divided by the number of rows."""

    rejected_by = DIFFERENCES

    def backward(self) -> Tensor:
        return super().backward() * len(self.error)


class SumOverTheBatch(MSE):
    """The sum and not the mean, in both passes."""

    rejected_by = MEAN

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().forward(output, target, sample_weight) * output.shape[-2]

    def backward(self) -> Tensor:
        return super().backward() * self.error.shape[-2]


class WeightsForgottenInBackward(MSE):
    """Sample weights count in the value alone."""

    rejected_by = WEIGHTED_DIFFERENCES

    def backward(self) -> Tensor:
        return self.derivative() / self.error.shape[-1] / max(self.error.shape[-2], 1)


class WeightsForgotten(MSE):
    """Sample weights count nowhere."""

    rejected_by = WEIGHTS

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().forward(output, target)


class WeightsNotNormalized(MSE):
    """Divides by the number of rows, and not by the sum of their weights."""

    rejected_by = WEIGHTS

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        value = super().forward(output, target, sample_weight)
        if sample_weight is not None:
            factor = sample_weight.mean(-1).to(output)
            self.share = self.share * factor.unsqueeze(-1).unsqueeze(-1)
            value = value * factor
        return value


class WeightsOfTheWrongSide(MSE):
    """Takes the square root of sample weights."""

    rejected_by = WEIGHTS

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().forward(output, target, None if sample_weight is None else sample_weight.to(output).sqrt())


class Detached(MSE):
    """Gives a number that autograd cannot follow."""

    rejected_by = AUTOGRAD

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        return super().value(y.detach(), t) + 0 * y


class OutputChangedInPlace(MSE):
    """Takes the target from the caller's own outputs."""

    rejected_by = UNCHANGED

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.error = y.sub_(t) if not y.requires_grad else y - t
        return self.error**2


class GradientGrowsWithEachBackward(MSE):
    """Adds to its gradient."""

    rejected_by = UNCHANGED

    def derivative(self) -> Tensor:
        self.error = 2 * self.error
        return self.error


class StateOfTheClass(MSE):
    """Keeps what backward needs where every instance finds it."""

    rejected_by = SHARED

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        type(self).error = y - t
        return type(self).error ** 2


class BackwardWithoutForward(MSE):
    """Fails with Python's own error where backward comes first."""

    rejected_by = ORDER

    def backward(self) -> Tensor:
        return self.nothing * self.share  # type: ignore[attr-defined]


class Broadcasts(Loss):
    """A squared error of targets of any shape."""

    rejected_by = SHAPES
    error: Tensor = saved()
    share: Tensor | float = saved()

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if is_labels(output, target):
            target = encode_labels(target, output.shape[-1], output.dtype)
        self.error = output - target
        self.share = row_share(output, sample_weight) / output.shape[-1]
        return (self.error**2 * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return 2 * self.error * self.share


class BroadcastsWeights(MSE):
    """Takes sample weights of any shape."""

    rejected_by = SHAPES

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None and sample_weight.numel() in (1, output.shape[-2]):
            sample_weight = sample_weight.reshape(-1).expand(output.shape[:-1])
        return super().forward(output, target, sample_weight)


class WrongErrorForShapes(MSE):
    """Asserts that shapes are equal."""

    rejected_by = SHAPES

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        assert target.shape in (output.shape, output.shape[:-1])
        return super().forward(output, target, sample_weight)


class CentredOutputs(MSE):
    """Compares outputs less their mean over the batch."""

    rejected_by = ROWS

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        return super().value(y - y.mean(-2, keepdim=True), t)

    def derivative(self) -> Tensor:
        slope = super().derivative()
        return slope - slope.mean(-2, keepdim=True)


class OneRowOfTwo(MSE):
    """Divides by n - 1."""

    rejected_by = NUMBER

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        value = super().forward(output, target, sample_weight)
        rows = torch.tensor(float(output.shape[-2]))
        self.share = self.share * (rows / (rows - 1)).to(output)
        return value * (rows / (rows - 1)).to(output)


class MeanOverRounds(MSE):
    """One number for all rounds together."""

    rejected_by = NUMBER

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().forward(output, target, sample_weight).mean()


class RoundsMixed(MSE):
    """Divides the gradient of many rounds by their number, as if their mean were meant."""

    rejected_by = ROUNDS

    def backward(self) -> Tensor:
        return super().backward() / (len(self.error) if self.error.dim() > 2 else 1)


class AlwaysFloat32(MSE):
    """Gives float32, whatever it is given."""

    rejected_by = DTYPE

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        return super().forward(output, target, sample_weight).float()


class AlwaysOnTheCPU(MSE):
    """Makes a tensor without saying where."""

    rejected_by = DEVICE

    def derivative(self) -> Tensor:
        return super().derivative() + torch.zeros(self.error.shape)


class Overflows(MSE):
    """log (eᵉ + e⁻ᵉ), which is infinite in float32 from 89 on."""

    rejected_by = LARGE

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.error = y - t
        return (self.error.exp() + (-self.error).exp()).log()

    def derivative(self) -> Tensor:
        return self.error.tanh()


class AnyPower(MSE):
    """A power of any size, 0 and below too."""

    rejected_by = REFUSED

    def __init__(self, power: float = 2.0) -> None:
        require("power", power, abs(power) <= 1e30, "not that large")
        self.power = power


class ClipsErrors(MSE):
    """Clips the error at 20 in backward alone."""

    rejected_by = DIFFERENCES

    def derivative(self) -> Tensor:
        return 2 * self.error.clamp(-20, 20)


class WrongBelowZero(MSE):
    """Half of the derivative where the target is negative."""

    rejected_by = DIFFERENCES

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.half = torch.where(t < 0, 0.5, 1.0).to(y)
        return super().value(y, t)

    def derivative(self) -> Tensor:
        return self.half * super().derivative()


class WrongWay(MSE):
    """Rewards the error."""

    rejected_by = BETTER

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        return -super().value(y, t)

    def derivative(self) -> Tensor:
        return -super().derivative()


class LabelsOneOff(MSE):
    """Takes labels that are not encoded for the class after them."""

    rejected_by = LABELS

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if is_labels(output, target):
            target = (target + 1) % max(output.shape[-1], 2)
        return super().forward(output, target, sample_weight)


class OneBuffer(MSE):
    """Writes each gradient into the memory of the one before."""

    rejected_by = BEFORE

    def backward(self) -> Tensor:
        slope = super().backward()
        buffers = self.__dict__.setdefault("buffers", {})
        return buffers.setdefault(slope.shape, torch.empty_like(slope)).copy_(slope)


class WeightsOfTheLastCall(MSE):
    """Keeps sample weights for a call without."""

    rejected_by = BEFORE
    weight: Tensor | None = None

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None:
            self.weight = sample_weight
        if self.weight is not None and self.weight.shape == output.shape[:-1]:
            sample_weight = self.weight
        return super().forward(output, target, sample_weight)


class NeedsRowByRow(MSE):
    """Looks at its targets as one row of numbers."""

    rejected_by = LAYOUT
    says = "view size"

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        return super().value(y, t.view(-1).view(t.shape))


class NormOfEachRow(Loss):
    """|y - t| of each row, whose derivative is 0 / 0 where they are equal."""

    rejected_by = LARGE
    error: Tensor = saved()
    share: Tensor | float = saved()

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if is_labels(output, target):
            target = encode_labels(target, output.shape[-1], output.dtype)
        if target.shape != output.shape:
            raise ShapeError(f"target {list(target.shape)} for outputs {list(output.shape)}")
        self.error, self.share = output - target, row_share(output, sample_weight)
        return (self.error.norm(dim=-1, keepdim=True) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return self.error / self.error.norm(dim=-1, keepdim=True) * self.share


class RefusesWithoutAWord(MSE):
    """Says nothing of the shapes that it refuses."""

    rejected_by = SHAPES

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        try:
            return super().forward(output, target, sample_weight)
        except ShapeError:
            raise ShapeError("wrong shape") from None


class TwoForEach(Loss):
    """The squared error of the first and of the second half of the outputs, both of which it takes for predictions."""

    rejected_by = PREDICTS
    error: Tensor = saved()
    share: Tensor | float = saved()

    def outputs_for(self, targets: int) -> int:
        return 2 * targets

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if output.shape != (*target.shape[:-1], 2 * target.shape[-1]):
            raise ShapeError(f"target {list(target.shape)} for outputs {list(output.shape)}")
        self.error, self.share = output - torch.cat([target, target], -1), row_share(output, sample_weight)
        return (self.error**2 * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return 2 * self.error * self.share


class WrongInTheSecondHalf(TwoForEach):
    """Predicts the first half, and has a wrong derivative in the second."""

    rejected_by = DIFFERENCES

    def predicted(self, output: Tensor) -> Tensor:
        return output[..., : output.shape[-1] // 2]

    def backward(self) -> Tensor:
        half = self.error.shape[-1] // 2
        return torch.cat([2 * self.error[..., :half], self.error[..., half:]], -1) * self.share


class Rates(Loss):
    """y - t log y of rates, above 0 alone, with twice the derivative of its second part."""

    conformance = Conformance(outputs=lambda _, y: y.abs() + 0.1)
    rejected_by = DIFFERENCES
    y: Tensor = saved()
    t: Tensor = saved()
    share: Tensor | float = saved()

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if target.shape != output.shape:
            raise ShapeError(f"target {list(target.shape)} for outputs {list(output.shape)}")
        self.y, self.t, self.share = output, target, row_share(output, sample_weight)
        return ((output - target * output.log()) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return (1 - 2 * self.t / self.y) * self.share


class IgnoresDelta(MSE):
    """Takes a delta, and has none."""

    rejected_by = ARGUMENTS

    def __init__(self, delta: float = 1.0) -> None:
        require("delta", delta, delta > 0, "greater than 0")
