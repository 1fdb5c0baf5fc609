"""What every initializer must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from minidl_core.nn.initializers import Initializer
from minidl_core.testing.differences import require_identical
from minidl_core.testing.result import fails_unless
from minidl_core.testing.subject import Subject

SHAPE, FAN_IN, FAN_OUT = (6, 4), 6, 4


def drawn(subject: Subject[Initializer], seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return subject.build()(shape, FAN_IN, FAN_OUT, Generator().manual_seed(seed))


def behaviour(subject: Subject[Initializer]) -> list[Tensor]:
    """All that can be seen of what it does."""
    return [drawn(subject, 1)]


def it_draws_finite_float64_of_the_shape_asked_for(subject: Subject[Initializer]) -> None:
    """On the CPU, so that a seed means the same for every dtype and device; from torch's own generator where none is
    given.
    """
    for shape in (SHAPE, (5,), (2, 3, 4), (0, 3), ()):
        values = drawn(subject, 0, shape)
        fails_unless(values.shape == shape, f"it gives {list(values.shape)} where {list(shape)} is asked for")
        fails_unless(values.dtype == torch.float64, f"it gives {values.dtype}")
        fails_unless(values.device.type == "cpu", f"it draws on {values.device}")
        fails_unless(bool(values.isfinite().all()), "what it draws is not finite")
    of_one = subject.build()((1, 1), 1, 1, None)
    fails_unless(bool(of_one.isfinite().all()), "what it draws for one input and one output is not finite")


def the_generator_alone_decides(subject: Subject[Initializer]) -> None:
    """The same generator gives the same numbers, whatever else is drawn; and torch's own is left alone."""
    first = drawn(subject, 1)
    before = torch.get_rng_state()
    torch.rand(3)
    require_identical("what is drawn from the same seed", drawn(subject, 1), first)
    torch.set_rng_state(before)
    drawn(subject, 2)
    require_identical("torch's own generator, after drawing", torch.get_rng_state(), before)
    random = Generator().manual_seed(1)
    both = [subject.build()(SHAPE, FAN_IN, FAN_OUT, random) for _ in range(2)]
    constant = torch.equal(first, drawn(subject, 2))
    fails_unless(constant or not torch.equal(*both), "it draws the same again from a generator that has gone on")


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    it_draws_finite_float64_of_the_shape_asked_for,
    the_generator_alone_decides,
)
