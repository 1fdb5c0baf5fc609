"""Layers of random operations, captured and run plainly: whatever an operation is, it must be done again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential, saved
from minidl_core.optim import SGD
from minidl_core.training import fit
from minidl_core.training.capture import loops, worth

FEATURES, ROWS, BATCH, EPOCHS = 4, 37, 17, 4  # the last batch of an epoch has three rows


def _assembled(x: Tensor, y: Tensor) -> Tensor:
    """A tensor made part by part."""
    made = torch.zeros_like(x)
    made[..., :2].copy_(y[..., 2:])
    made[..., 2] = x[..., 0].sin()
    return made


def _changed_in_place(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()
    z.mul_(0.5).add_(y, alpha=0.3).clamp_(-1, 1)
    return z


def _written_through_a_view(x: Tensor, y: Tensor) -> Tensor:
    z = x + 0
    z.mT[..., 1, :] += y[..., 3]
    return z


def _with_its_input_changed(x: Tensor, y: Tensor) -> Tensor:
    z = 2 * x
    y.add_(0.1)
    return 0.5 * z - 0.1 * y


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": lambda x, y: x + y,
    "difference": lambda x, y: 1 - x - y,
    "product": lambda x, y: (x * y).tanh(),
    "quotient": lambda x, y: x / (1 + y.abs()),
    "factors": lambda x, y: x * 2 * 0.25 * 0.5 + y,
    "power": lambda x, y: (x.tanh() ** 2 + y**2).sqrt().tanh(),
    "exponential": lambda x, y: (-x.abs()).exp() - y.abs().add(1).log(),
    "mask": lambda x, y: x * (y > 0) + y * (x <= 0.1),
    "bounds": lambda x, y: x.clamp(min=-0.5, max=0.5) + y.clamp(max=0.2),
    "choice": lambda x, y: torch.where(x > y, x, -y),
    "extremes": lambda x, y: torch.maximum(x, y) - torch.minimum(x, y),
    "mean": lambda x, y: x - y.mean(-2, keepdim=True),
    "sums": lambda x, y: x - 0.1 * y.sum(-1, keepdim=True) + 0.1 * x.sum(-2, keepdim=True),
    "a single number": lambda x, y: x * y.flatten()[5],
    "a single row": lambda x, y: x * y[..., 1:2, :],
    "a product of parts": lambda x, y: x[..., :2] @ y[..., :2, :],
    "turned": lambda x, y: (x.mT @ y).tanh().sum(-1).unsqueeze(-2) + x,
    "flipped": lambda x, y: x.flip(-1) + y.roll(1, -1),
    "joined": lambda x, y: torch.cat([x[..., :2], y[..., 2:]], -1),
    "stacked": lambda x, y: torch.stack([x, y]).sum(0),
    "sorted": lambda x, y: x.sort(-1).values + y.cumsum(-1) / 4,
    "greatest": lambda x, y: x - y.max(-1, keepdim=True).values,
    "gathered": lambda x, y: x.gather(-1, y.argsort(-1)),
    "filled": lambda x, y: x.masked_fill(y > 0.3, 0.1),
    "softmax": lambda x, y: torch.softmax(x, -1) + torch.log_softmax(y, -1) / 9,
    "drawn": lambda x, y: x * (torch.rand_like(x) > 0.3) + y,
    "single": lambda x, y: x.double() + y.float().to(x.dtype),
    "whole": lambda x, y: x + ((y * 3).round().long() > 0.5).to(x.dtype),
    "assembled": _assembled,
    "changed in place": _changed_in_place,
    "written through a view": _written_through_a_view,
    "with its input changed": _with_its_input_changed,
}
Program = Sequence[tuple[str, int, int]]


NUMBER_BY_NUMBER = [
    "a product of parts", "a single number", "bounds", "changed in place", "difference", "exponential", "extremes",
    "factors", "mask", "power", "product", "quotient", "sum", "with its input changed",
]  # fmt: skip
"""Those whose results may lie in memory by columns."""


def programs() -> st.SearchStrategy[Program]:
    """Some operations, each on two of the values before it."""

    def of(names: Sequence[str]) -> st.SearchStrategy[Program]:
        step = st.tuples(st.sampled_from(names), st.integers(0, 6), st.integers(0, 6))
        return st.lists(step, min_size=1, max_size=7)

    return of(sorted(OPERATIONS)) | of(NUMBER_BY_NUMBER)


def run(program: Program, x: Tensor) -> Tensor:
    values = [x, x.tanh()]
    for name, first, second in program:
        values.append(OPERATIONS[name](values[first % len(values)], values[second % len(values)]))
    return values[-1].tanh()


class Generated(Module):
    """One program forward, and another back."""

    x: Tensor = saved()

    def __init__(self, forward: Program, backward: Program) -> None:
        self.programs = forward, backward

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return run(self.programs[0], x)

    def backward(self, dy: Tensor) -> Tensor:
        return 0.1 * run(self.programs[1], dy + 0.1 * self.x)


@contextlib.contextmanager
def nothing_runs_plainly() -> Iterator[None]:
    """Fails where a training says that it is not captured."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("minidl")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    assert said == []


@settings(deadline=None, max_examples=80)
@given(forward=programs(), backward=programs(), rounds=st.sampled_from([1, 3]))
def test_a_captured_program_gives_what_a_plain_one_gives(forward: Program, backward: Program, rounds: int) -> None:
    _assert_captured_is_plain(forward, backward, rounds)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forward=programs(), backward=programs(), rounds=st.sampled_from([1, 3]))
def test_so_does_one_of_loops(
    monkeypatch: pytest.MonkeyPatch, forward: Program, backward: Program, rounds: int
) -> None:
    monkeypatch.setattr(loops, "FEWEST_NUMBERS", 1)
    _assert_captured_is_plain(forward, backward, rounds)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forward=programs(), backward=programs(), rounds=st.sampled_from([1, 3]))
def test_so_does_one_of_machine_code(
    monkeypatch: pytest.MonkeyPatch, forward: Program, backward: Program, rounds: int
) -> None:
    monkeypatch.setattr(worth, "MAKING", 0.0)
    _assert_captured_is_plain(forward, backward, rounds)


def _assert_captured_is_plain(forward: Program, backward: Program, rounds: int) -> None:
    def trained(capture: bool) -> tuple[Tensor, Tensor]:
        model = Sequential(Linear(FEATURES, FEATURES), Generated(forward, backward), Linear(FEATURES, FEATURES))
        model.initialize(range(rounds), dtype=torch.float64)
        random = torch.Generator().manual_seed(0)
        axes = (rounds,) if rounds > 1 else ()
        x, t = (torch.randn(*axes, ROWS, FEATURES, dtype=torch.float64, generator=random) for _ in range(2))
        torch.manual_seed(3)
        options = {"epochs": EPOCHS, "batch_size": BATCH, "seeds": range(rounds), "capture": capture}
        return fit(model, Examples(x, t), MSE(), SGD(0.05), **options), model.parameters.values

    with nothing_runs_plainly():
        results = trained(True)
    for captured, plain in zip(results, trained(False), strict=True):
        torch.testing.assert_close(captured, plain, rtol=1e-7, atol=1e-9)
