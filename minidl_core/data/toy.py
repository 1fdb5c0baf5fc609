"""Toy datasets of points in the plane. A dataset draws as many samples as are asked of it, each independent."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl_core.data.columns import numeric
from minidl_core.data.table import Table
from minidl_core.errors import require
from minidl_core.spec.component import Component


class Dataset(Component):
    """Draws tables: `dataset.sample(generator)`."""

    kind: ClassVar[str] = "dataset"

    @abstractmethod
    def sample(self, generator: Generator) -> Table:
        """A table of its own, that depends on the generator alone."""


class _Points(Dataset):
    """n points in the plane, in random order, moved by normal noise of a given deviation."""

    classes: int = 2
    """How many there are, even where a small sample lacks one."""

    def __init__(self, n: int = 1000, noise: float = 0.0) -> None:
        require("n", n, 2 <= n <= 100_000_000, "from 2 to 100000000")
        require("noise", noise, noise >= 0, "0 or greater")
        self.n, self.noise = n, noise

    @abstractmethod
    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        """Points `[n, 2]` and their classes `[n]`, without noise."""

    def sample(self, generator: Generator) -> Table:
        points, labels = self.points(generator)
        points = points + self.noise * torch.randn(points.shape, dtype=torch.float64, generator=generator)
        return Table(points, labels, numeric("x", "y"), ("class",), tuple(map(str, range(self.classes))))

    def uniform(self, generator: Generator, *shape: int) -> Tensor:
        return torch.rand(shape, dtype=torch.float64, generator=generator)

    def classes_in_turn(self, generator: Generator) -> Tensor:
        """Classes of equal size (up to one), in random order."""
        return (torch.arange(self.n) % self.classes)[torch.randperm(self.n, generator=generator)]


class Disk(_Points):
    """n points uniform in [0, 1]²; class 1 inside the disk of centre (½, ½) and radius 1/√(2π), half of the area.

    Source: the report, section III.
    """

    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        points = self.uniform(generator, self.n, 2)
        return points, ((points - 0.5).square().sum(-1) < 1 / (2 * math.pi)).long()


class Moons(_Points):
    """Two interleaved half circles of radius 1: (cos a, sin a), and (1 - cos a, ½ - sin a)."""

    def __init__(self, n: int = 1000, noise: float = 0.1) -> None:
        super().__init__(n, noise)

    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        labels = self.classes_in_turn(generator)
        angle = math.pi * self.uniform(generator, self.n)
        upper = torch.stack([angle.cos(), angle.sin()], -1)
        lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], -1)
        return torch.where(labels.unsqueeze(-1) == 0, upper, lower), labels


class Spirals(_Points):
    """Interleaved spiral arms, one a class, each from near the centre to radius 1.

    Args:
        arms: how many, at least 2.
        turns: how often each arm goes round.
    """

    def __init__(self, n: int = 1000, noise: float = 0.02, arms: int = 2, turns: float = 1.5) -> None:
        super().__init__(n, noise)
        require("arms", arms, 2 <= arms <= n, "at least 2 and at most n")
        require("turns", turns, turns > 0, "greater than 0")
        self.arms, self.turns, self.classes = arms, turns, arms

    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        labels = self.classes_in_turn(generator)
        radius = 0.05 + 0.95 * self.uniform(generator, self.n).sqrt()
        angle = 2 * math.pi * (self.turns * radius + labels.double() / self.arms)
        return radius.unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], -1), labels


class Xor(_Points):
    """n points uniform in [-1, 1]²; class 1 where the two coordinates have different signs."""

    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        points = 2 * self.uniform(generator, self.n, 2) - 1
        return points, (points[:, 0] * points[:, 1] < 0).long()


class Circles(_Points):
    """Class 0 on the circle of radius 1, class 1 on one within it.

    Args:
        factor: the radius of the inner circle, between 0 and 1.
    """

    def __init__(self, n: int = 1000, noise: float = 0.05, factor: float = 0.5) -> None:
        super().__init__(n, noise)
        require("factor", factor, 0 < factor < 1, "between 0 and 1")
        self.factor = factor

    def points(self, generator: Generator) -> tuple[Tensor, Tensor]:
        labels = self.classes_in_turn(generator)
        angle = 2 * math.pi * self.uniform(generator, self.n)
        radius = torch.tensor([1.0, self.factor], dtype=torch.float64)[labels]
        return radius.unsqueeze(-1) * torch.stack([angle.cos(), angle.sin()], -1), labels
