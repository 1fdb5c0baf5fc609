"""Initializers and datasets that are wrong on purpose."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from minidl_core.data import Dataset, Table, numeric
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
        return Table(
            features + self.shift, (features[:, 0] > 0).long() + self.labels_from, numeric("a", "b"), ("c",), ("0", "1")
        )


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
        return Table(table.features + torch.rand(()), table.target, table.columns, ("c",), table.classes)


class IgnoresStd(Normal):
    """Draws with a deviation of 1, whatever is asked for."""

    rejected_by = "its arguments change what it does"

    def __call__(self, shape: Shape, fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return self.mean + torch.randn(shape, dtype=torch.float64, generator=generator)
