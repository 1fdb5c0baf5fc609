"""Initializers, datasets and metrics that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from minidl_core.data import Dataset, Table
from minidl_core.metrics import R2, Accuracy, Metric
from minidl_core.nn.initializers import Initializer, Normal
from minidl_core.spec import Conformance

Shape = tuple[int, ...]


class DrawsFloat32(Normal):
    """Draws in the precision of the day."""

    rejected_by = "it draws finite float64 of the shape asked for"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return super().__call__(shape, fan_in, fan_out, generator).float()


class AnotherShape(Normal):
    """Draws `[fan_in, fan_out]`, whatever is asked for."""

    rejected_by = "it draws finite float64 of the shape asked for"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return super().__call__((fan_in, fan_out), fan_in, fan_out, generator)


class OwnGenerator(Normal):
    """Draws from torch's own generator."""

    rejected_by = "the generator alone decides"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return torch.randn(shape, dtype=torch.float64)


class SeedsAnew(Initializer):
    """Seeds a generator of its own from the one that it is given, without moving that on."""

    rejected_by = "the generator alone decides"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        seed = generator.initial_seed() if generator else 0
        return torch.randn(shape, dtype=torch.float64, generator=Generator().manual_seed(seed))


class _Pairs(Dataset):
    """Two features of normal numbers, and classes by the sign of the first."""

    labels_from = 0
    shift = 0.0

    def sample(self, generator: Generator) -> Table:
        features = torch.randn(20, 2, dtype=torch.float64, generator=generator)
        return Table(features + self.shift, (features[:, 0] > 0).long() + self.labels_from, ("a", "b"), "c", ("0", "1"))


class LabelsFromOne(_Pairs):
    """Counts its classes from 1."""

    rejected_by = "a sample is a whole table"
    labels_from = 1


class NotFinite(_Pairs):
    """Has features that are no numbers."""

    rejected_by = "a sample is a whole table"
    shift = float("nan")


class AnotherNumberOfRows(_Pairs):
    """Ignores how many rows are asked for."""

    rejected_by = "a sample is a whole table"
    conformance = Conformance(examples=({"n": 30},))

    def __init__(self, n: int = 20) -> None:
        self.n = n


class AlwaysTheSame(_Pairs):
    """Ignores the generator."""

    rejected_by = "the generator alone decides"

    def sample(self, generator: Generator) -> Table:
        return super().sample(Generator().manual_seed(0))


class NeverTheSame(_Pairs):
    """Adds numbers of torch's own generator."""

    rejected_by = "the generator alone decides"

    def sample(self, generator: Generator) -> Table:
        table = super().sample(generator)
        return Table(table.features + torch.rand(()), table.target, table.feature_names, "c", table.classes)


class OneNumberForAllRounds(Accuracy):
    """The mean over rounds."""

    rejected_by = "it gives one finite number a round"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return super().__call__(output, target).mean()


class DividesByZero(R2):
    """Divides by a sum that is 0."""

    rejected_by = "it gives one finite number a round"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return super().__call__(output, target) / 0.0


class OrderMatters(Metric):
    """The correlation of each row with the next."""

    rejected_by = "the order of rows does not matter"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return (output[..., 1:, 0] * output[..., :-1, 0]).mean(-1)


class SortsOutputs(Metric):
    """The median, found by sorting the caller's tensor."""

    rejected_by = "the order of rows does not matter"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        output.copy_(output.sort(-2).values)
        return output[..., output.shape[-2] // 2, 0]


class IgnoresStd(Normal):
    """Draws with a deviation of 1, whatever is asked for."""

    rejected_by = "its arguments change what it does"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return self.mean + torch.randn(shape, dtype=torch.float64, generator=generator)


class TakesAnyTarget(Metric):
    """Compares with whatever can be laid over the outputs."""

    rejected_by = "the order of rows does not matter"

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        target = target if target.dim() == output.dim() else target.unsqueeze(-1)
        return (output - target.reshape(-1)[0]).mean((-2, -1))
