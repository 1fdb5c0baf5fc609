"""Features (and numeric targets) of mean 0 and deviation 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from minidl_core.data.header import numbers_of, require_keys
from minidl_core.errors import ModelFileError
from minidl_core.persistence.strict_json import shown


@dataclass(frozen=True)
class Moments:
    """How many rows there are, and the mean and deviation of each of their columns, `[*rounds, 1, F]`."""

    rows: int
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Self:
        """Those of `values`, `[*rounds, N, F]`."""
        # Scaled to 1, so that no square is too large or too small for its type.
        greatest = values.abs().amax(-2, keepdim=True)
        greatest = greatest.masked_fill(greatest == 0, 1.0)
        mean = greatest * (values / greatest).mean(-2, keepdim=True)
        std = greatest * (values / greatest).std(-2, keepdim=True, correction=0)
        return cls(values.shape[-2], mean, std)

    def joined(self, other: Self) -> Self:
        """Those of the rows of both.

        With n = n₁ + n₂ and δ = m₂ - m₁: m = m₁ + δ n₂ / n, s² = (n₁ s₁² + n₂ s₂²) / n + δ² n₁ n₂ / n².
        Source: Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, eq. 1.5.
        """
        rows = self.rows + other.rows
        mine, others = self.rows / rows, other.rows / rows
        difference = other.mean - self.mean
        parts = torch.stack([mine**0.5 * self.std, others**0.5 * other.std, (mine * others) ** 0.5 * difference.abs()])
        greatest = parts.amax(0)
        greatest = greatest.masked_fill(greatest == 0, 1.0)
        std = greatest * (parts / greatest).square().sum(0).sqrt()
        return type(self)(rows, self.mean + others * difference, std)


@dataclass(frozen=True)
class Standardization:
    """The mean and deviation of each column of the training part, `[*rounds, 1, F]`, float64."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, values: Tensor) -> Self:
        """Those of `values`, `[*rounds, N, F]`; a constant column is divided by 1."""
        return cls.of(Moments.of(values))

    @classmethod
    def of(cls, moments: Moments) -> Self:
        # A column that differs in its last bits alone is constant too.
        constant = moments.std <= 1e-12 * moments.mean.abs()
        return cls(moments.mean, moments.std.masked_fill(constant, 1.0))

    def apply(self, values: Tensor) -> Tensor:
        """`[*rounds, N, F]`, or `[N, F]` for all rounds alike."""
        return (values - self.mean) / self.std

    def revert(self, values: Tensor) -> Tensor:
        """Back in the units that the columns had."""
        return values * self.std + self.mean

    def to_json(self) -> dict[str, list[object]]:
        """For a model's header."""
        return {"mean": self.mean.squeeze(-2).tolist(), "std": self.std.squeeze(-2).tolist()}

    @classmethod
    def from_json(cls, given: Any, size: int, rounds: tuple[int, ...]) -> Self:
        """From a model's header. Raises ModelFileError where it is none of so many columns in these rounds."""
        header = require_keys("its target", given, ["mean", "std"])
        mean, std = (numbers_of(header, name, size, rounds) for name in ("mean", "std"))
        if mean.shape != std.shape or not bool((std > 0).all()):
            raise ModelFileError(f"its target must have a std greater than 0 for each mean, got {shown(given)}")
        return cls(mean, std)
