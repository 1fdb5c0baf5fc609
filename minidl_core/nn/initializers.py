"""What weights begin as. Drawn in float64 on the CPU, so that a seed means the same for every dtype and device."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from minidl_core.errors import require
from minidl_core.spec.component import Component
from minidl_core.spec.conformance import Conformance


class Initializer(Component):
    """Draws a tensor: `initializer(shape, fan_in, fan_out, generator)`.

    Args:
        shape: of the tensor, without round axes.
        fan_in: how many inputs each output sums over.
        fan_out: how many outputs each input goes to.
        generator: where random numbers come from; None for torch's default generator.
    """

    kind: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor: ...


class Zeros(Initializer):
    """0."""

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64)


class Normal(Initializer):
    """N(mean, std²)."""

    conformance = Conformance(unbounded=("mean",))

    def __init__(self, mean: float = 0.0, std: float = 1.0) -> None:
        require("std", std, std >= 0, "0 or greater")
        self.mean, self.std = mean, std

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        return self.mean + self.std * torch.randn(shape, dtype=torch.float64, generator=generator)


class XavierNormal(Initializer):
    """N(0, std²) with std = gain √(2 / (fan_in + fan_out)). Glorot and Bengio 2010, AISTATS 9, eq. 12."""

    def __init__(self, gain: float = 1.0) -> None:
        require("gain", gain, gain > 0, "greater than 0")
        self.gain = gain

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        std = self.gain * math.sqrt(2 / (fan_in + fan_out))
        return std * torch.randn(shape, dtype=torch.float64, generator=generator)


class XavierUniform(Initializer):
    """U(-bound, bound) with bound = gain √(6 / (fan_in + fan_out)). Glorot and Bengio 2010, AISTATS 9, eq. 16."""

    def __init__(self, gain: float = 1.0) -> None:
        require("gain", gain, gain > 0, "greater than 0")
        self.gain = gain

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        bound = self.gain * math.sqrt(6 / (fan_in + fan_out))
        return bound * (2 * torch.rand(shape, dtype=torch.float64, generator=generator) - 1)


class KaimingUniform(Initializer):
    """U(-bound, bound) with bound = √(6 / ((1 + a²) fan_in)). He et al. 2015, ICCV, eq. 15, for leaky ReLUs of
    slope a. The default slope, √5, gives PyTorch's `Linear` its bound of 1/√fan_in.
    """

    conformance = Conformance(unbounded=("a",))

    def __init__(self, a: float = 2.23606797749979) -> None:
        self.a = a

    def __call__(self, shape: tuple[int, ...], fan_in: int, fan_out: int, generator: Generator | None) -> Tensor:
        bound = math.sqrt(6 / ((1 + self.a**2) * fan_in))
        return bound * (2 * torch.rand(shape, dtype=torch.float64, generator=generator) - 1)
