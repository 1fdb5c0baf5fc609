"""Without llvmlite scaled sums of long vectors are one pass; what something else needs stays."""

from __future__ import annotations

import pytest
import torch
from long_vectors import (
    Numbers,
    Work,
    assert_replayed_is_plain,
    by_one_number_in_an_axis,
    chosen,
    input_that_changes_between,
    rate_that_changes_between,
    recorded,
    result_used_twice,
    scaled_quotient,
    velocity_with_itself,
)

from minidl_core.training.capture import blocks

BLOCK = 2**8
LONG = 2 * BLOCK + 7


pytestmark = pytest.mark.usefixtures("without_llvmlite")


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", BLOCK)


def scaled_difference(n: Numbers) -> None:
    n.w -= n.rate * n.x


def scaled_product(n: Numbers) -> None:
    n.w.copy_(n.x - n.w * n.y)


def sum_of_scaled(n: Numbers) -> None:
    n.w.copy_(0.5 * n.x + n.rate * n.y)


def other_way_round(n: Numbers) -> None:
    n.w.copy_(n.rate * n.x - n.y)


def velocity(n: Numbers) -> None:
    n.w.mul_(0.9).add_(n.x)


def velocity_read_between(n: Numbers) -> None:
    n.w.mul_(0.9)
    n.y.copy_(n.w)
    n.w.add_(n.x)


def product_with_itself(n: Numbers) -> None:
    scaled = 0.5 * n.x
    n.w.copy_(scaled + scaled)


def quotient_by_a_number(n: Numbers) -> None:
    n.w.copy_((n.x / n.rate + 1) / 7)


def quotient_by_a_number_of_less_digits(n: Numbers) -> None:
    n.w.copy_((n.x + 1) / n.rate.float())


def quotient_of_a_number(n: Numbers) -> None:
    n.w.copy_(n.rate / n.y - 3 / n.y)


def interpolated(n: Numbers) -> None:
    n.w.lerp_(n.x, 0.1)
    n.w.addcmul_(n.x, n.y)
    n.w.copy_(torch.lerp(n.w, n.y, n.rate.to(n.w.dtype)))


def greatest(n: Numbers) -> None:
    n.w.mul_(0.9).clamp_min_(n.x.abs() + 1e-3)


WORKS: dict[Work, tuple[str, ...] | None] = {
    scaled_difference: ("add_",),
    scaled_quotient: ("addcdiv_",),
    scaled_product: None,
    sum_of_scaled: None,
    other_way_round: None,
    velocity: ("add",),
    velocity_with_itself: ("mul_", "add_"),
    velocity_read_between: ("mul_", "copy_", "add_"),
    result_used_twice: None,
    input_that_changes_between: None,
    rate_that_changes_between: None,
    product_with_itself: None,
    quotient_by_a_number: None,
    quotient_by_a_number_of_less_digits: None,
    quotient_of_a_number: None,
    chosen: None,
    interpolated: None,
    greatest: None,
    by_one_number_in_an_axis: ("add_",),
}
"""What is computed, and as which passes over the vectors, where that is to be seen."""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", WORKS)
def test_gives_the_same_in_fewer_passes(work: Work, dtype: torch.dtype, threads: int) -> None:
    size = threads * LONG
    program = assert_replayed_is_plain(work, size, dtype, threads)
    whole = [one.name for one in program.operations if any(value.size == size for value in one.writes)]
    assert WORKS[work] is None or whole == list(WORKS[work])


def test_short_vectors_are_left_to_numpy() -> None:
    program = recorded(scaled_difference, Numbers.made(2 * BLOCK - 1, torch.float32))
    assert [one.name for one in program.operations][-2:] == ["mul", "sub_"]
