"""Vectors that operations are recorded on, and what is made of the recording."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from minidl_core.training.capture.program import Program
from minidl_core.training.capture.record import Recorder


class Numbers(SimpleNamespace):
    """What is computed with: three vectors, `y` above 0, and a number of another type, as a learning rate is."""

    w: Tensor
    x: Tensor
    y: Tensor
    rate: Tensor

    @classmethod
    def made(cls, size: int, dtype: torch.dtype) -> Numbers:
        random = torch.Generator().manual_seed(0)
        w, x, y = (torch.randn(size, dtype=dtype, generator=random) for _ in range(3))
        return cls(w=w, x=x, y=y.abs() + 0.5, rate=torch.tensor(0.3, dtype=torch.float64))

    def set(self, others: Numbers, rate: float) -> None:
        for name, tensor in vars(self).items():
            tensor.copy_(getattr(others, name))
        self.rate.fill_(rate)


Work = Callable[[Numbers], object]


def recorded(work: Work, numbers: Numbers, threads: int = 1, compiled: bool = False) -> Program:
    with Recorder(torch.device("cpu")) as recorder:
        work(numbers)
    return Program(recorder.operations, [], torch.device("cpu"), threads, compiled=compiled)


def assert_replayed_is_plain(
    work: Work, size: int, dtype: torch.dtype, threads: int, compiled: bool = False
) -> Program:
    """Record some work, do it again on other numbers, and compare with the work itself."""
    given, expected = Numbers.made(size, dtype), Numbers.made(size, dtype)
    program = recorded(work, given, threads, compiled)
    given.set(expected, rate=0.7)  # as a learning rate that has become another
    expected.rate.fill_(0.7)
    with np.errstate(all="ignore"):
        program.run()
    work(expected)
    # An operation in one rounds once where two round twice; a difference of alike numbers shows it.
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    for name, tensor in vars(given).items():
        torch.testing.assert_close(tensor, getattr(expected, name), rtol=tolerance, atol=tolerance)
    return program


def scaled_quotient(n: Numbers) -> None:
    n.w -= 2 * n.rate * (n.x / n.y)


def velocity_with_itself(n: Numbers) -> None:
    n.w.mul_(0.9).add_(n.w)


def result_used_twice(n: Numbers) -> None:
    scaled = 0.5 * n.x
    n.w += scaled
    n.y += scaled


def input_that_changes_between(n: Numbers) -> None:
    scaled = 0.5 * n.x
    n.x += 1
    n.w += scaled


def rate_that_changes_between(n: Numbers) -> None:
    scaled = n.rate * n.x
    n.rate *= 2
    n.w += scaled
    n.rate /= 2


def chosen(n: Numbers) -> None:
    n.w.copy_(torch.where(n.x > 0, 2 * n.y, torch.where(n.x < -1, 0.0, n.y)).clamp(0.6, 2.5) * n.w.sign())


def by_one_number_in_an_axis(n: Numbers) -> None:
    n.w -= n.rate.to(n.w.dtype).reshape(1) * n.x
