"""Operations on long vectors are one loop, which gives what they give; those on short ones stay as they were."""

from __future__ import annotations

import _ctypes
import ctypes
import functools
from collections.abc import Callable

import numpy as np
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
from torch import Tensor

from minidl_core.training.capture import chains, loops, machine_code, neighbours, openmp
from minidl_core.training.capture.instructions import FUNCTIONS
from minidl_core.training.capture.loop import Loop
from minidl_core.training.capture.program import Program
from minidl_core.training.capture.record import Recorder

FEWEST = 2**8
LONG = FEWEST + 77


@pytest.fixture(autouse=True)
def short_vectors_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "FEWEST_NUMBERS", FEWEST)
    monkeypatch.setattr(chains, "FEWEST_TO_SHARE", FEWEST)


def sum_of_scaled(n: Numbers) -> None:
    n.w.mul_(0.5 * n.x + n.rate * n.y - 1)


def scaled_difference(n: Numbers) -> None:
    n.w.sub_(n.x.abs(), alpha=0.3).neg_()


def sum_between(n: Numbers) -> None:
    scaled = 2 * n.x - n.y
    n.w *= scaled / scaled.norm()


def sum_of_what_is_changed_later(n: Numbers) -> None:
    n.w += n.x
    size = n.x.abs().sum()
    n.x *= 2
    n.y += n.x / size


def neighbours_in_one_vector(n: Numbers) -> None:
    differences = n.x[1:] - n.x[:-1]
    n.x[1:] += differences
    n.x[:-1] *= 2
    n.x[1:] /= 3


def in_other_shapes(n: Numbers) -> None:
    n.w.view(5, -1).mul_(n.x.view(5, -1)).add_(1)
    n.w.add_(n.y).view(-1, 5).sub_(0.5)


def first_number_of_all(n: Numbers) -> None:
    n.x *= n.y[0] + 1
    n.y += n.x
    n.w *= n.y[1]


def its_own_first_number(n: Numbers) -> None:
    n.w.copy_(n.x * n.x[0] - 1)


def mask_kept_for_later(n: Numbers) -> None:
    mask = n.x > 0.1
    n.w.mul_(mask).add_(1)
    n.y.copy_(torch.where(mask.flip(0), n.w, n.x) * 2)
    n.x *= mask.view(-1) * 2.0


def interpolated(n: Numbers) -> None:
    n.w.lerp_(n.x, 0.1).lerp_(n.y, 0.8)
    n.w.addcmul_(n.x, n.y).addcmul_(n.x, n.x, value=0.3).addcdiv_(n.w, n.y, value=-0.7)
    n.w.copy_(torch.lerp(n.w, n.y, n.rate.to(n.w.dtype)))


def root_of_the_largest(n: Numbers) -> None:
    n.w.mul_(0.9).clamp_min_(n.x.abs() + 1e-3).sqrt_().reciprocal_()


def with_what_only_a_library_has(n: Numbers) -> None:
    n.w.copy_(1 / (1 + (-n.x).exp()) * n.y - n.x.square())


def compared_in_place(n: Numbers) -> None:
    n.w.gt_(0.1).mul_(3)
    n.y.mul_(2).sub_(n.x)


def bounds_by_name_and_place(n: Numbers) -> None:
    n.w.copy_(n.x.clamp(None, 0.5) + n.x.clamp(-0.2, None) * n.y.clamp(min=0.6, max=1.3))
    n.w.clamp_(max=n.y)


def mask_that_is_chosen(n: Numbers) -> None:
    mask = n.x > 0.1
    n.w.copy_(torch.where(mask, n.x, mask) + torch.where(mask, mask, 0.5) * 2)


def two_offsets_in_one(n: Numbers) -> None:
    n.w[1:] = n.x[1:] * n.x[:-1] + 1
    n.x[:-1] *= 2
    n.y[1:] *= n.x[1:] - 1


def two_lengths(n: Numbers) -> None:
    n.w += n.x * n.y
    half = len(n.w) // 2 + 20
    n.w[:half] *= n.x[:half] - 1


def changed_for_the_last_time(n: Numbers) -> None:
    """What is changed is needed no longer, but lies in memory all the same, as does what is made of it."""
    turned = n.x.flip(0)
    made = turned.mul_(2) + 1
    n.w.copy_(made.flip(0))


WORKS: dict[Work, int | None] = {
    scaled_quotient: 1,
    changed_for_the_last_time: 1,
    sum_of_scaled: 1,
    scaled_difference: 1,
    velocity_with_itself: 0,
    result_used_twice: 1,
    input_that_changes_between: 1,
    rate_that_changes_between: 0,
    sum_between: 2,
    sum_of_what_is_changed_later: 2,
    neighbours_in_one_vector: 0,
    in_other_shapes: 1,
    first_number_of_all: 1,
    its_own_first_number: 1,
    mask_kept_for_later: 2,
    chosen: 1,
    interpolated: 1,
    by_one_number_in_an_axis: 1,
    root_of_the_largest: 1,
    with_what_only_a_library_has: 1,
    compared_in_place: 1,
    bounds_by_name_and_place: 1,
    mask_that_is_chosen: None,
    two_offsets_in_one: 2,
    two_lengths: 2,
}
"""What is computed, and in how many loops, where that does not depend on the type."""


def loops_of(program: Program) -> int:
    return [one.name for one in program.operations].count("loop")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", WORKS)
def test_a_loop_gives_the_same(work: Work, dtype: torch.dtype, threads: int) -> None:
    program = assert_replayed_is_plain(work, 5 * LONG, dtype, threads)
    assert WORKS[work] in (None, loops_of(program))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("work", WORKS)
def test_so_does_a_chain(work: Work, dtype: torch.dtype, threads: int) -> None:
    """Of loops over few numbers too, and of what is no loop."""
    for size in 15, 5 * LONG:
        assert_replayed_is_plain(work, size, dtype, threads, compiled=True)


@pytest.mark.parametrize("threads", [2, 3, 8, 33])
@pytest.mark.parametrize("size", [FEWEST, FEWEST + 1, 7 * FEWEST - 1])
def test_threads_do_all_numbers_and_each_once(size: int, threads: int) -> None:
    """All of them are called, also those that have nothing to do."""
    program = assert_replayed_is_plain(scaled_quotient, size, torch.float64, threads)
    assert _shared(program).args[-2] == threads


@pytest.mark.parametrize("present", [1, 2, 4])
def test_as_many_threads_as_there_are_do_all(present: int) -> None:
    """An environment may allow fewer than torch wishes for."""
    given, expected = (Numbers.made(5 * LONG, torch.float64) for _ in range(2))
    program = recorded(scaled_quotient, given, threads=3)
    given.set(expected, rate=0.3)
    shared = _shared(program)
    for call in program.calls[:-1]:
        call()
    shared.func(*shared.args[:-2], present, 0)
    scaled_quotient(expected)
    torch.testing.assert_close(given.w, expected.w, rtol=1e-13, atol=0)


def test_short_loops_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "FEWEST_TO_SHARE", LONG + 1)
    for size, count in (LONG, 1), (LONG + 1, 4):
        program = assert_replayed_is_plain(scaled_quotient, size, torch.float64, threads=3)
        assert len(_shared(program).args) == count


@pytest.mark.parametrize("missing", ["GOMP_parallel", "library"])
def test_without_torchs_threads_a_loop_takes_one(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def library() -> ctypes.CDLL:
        if missing == "library":
            raise OSError
        return ctypes.CDLL(_ctypes.__file__)  # a library without it

    monkeypatch.setattr(openmp, "_library", library)
    monkeypatch.setattr(chains, "parallel", openmp.parallel.__wrapped__)
    assert openmp.parallel.__wrapped__() is None
    program = assert_replayed_is_plain(scaled_quotient, 5 * LONG, torch.float64, threads=3)
    assert len(_shared(program).args) == 1


def _shared(program: Program) -> functools.partial[None]:
    """The call of the last loop."""
    call = program.calls[-1]
    assert isinstance(call, functools.partial)
    return call


SPECIAL = (0.0, -0.0, 0.3, 0.5, -0.7, 1.0, 1e19, -1e-40, float("inf"), float("-inf"), float("nan"))
ARGUMENTS = {"lerp": 3, "where": 3, "addcmul": 3, "addcdiv": 3, "clamp": 1}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_is_torchs_for_every_number(name: str) -> None:
    """NaN, infinities, numbers below the least normal one; each of these with each other."""
    pairs = torch.cartesian_prod(*[torch.tensor(SPECIAL)] * 3)
    x, y, z = (part.repeat(1 + FEWEST // len(pairs)).contiguous() for part in pairs.unbind(1))
    function = getattr(torch, name)

    def work(out: Tensor) -> None:
        if name == "clamp":
            result = function(x, -0.7, 0.5)
        elif name == "where":
            result = function(x > y, y, z)
        else:
            count = ARGUMENTS.get(name) or (1 if _takes_one(function) else 2)
            result = function(*(x, y, z)[:count])
        out.copy_(result * 2.0)

    got, expected = torch.zeros_like(x), torch.zeros_like(x)
    with Recorder(torch.device("cpu")) as recorder:
        work(got)
    program = Program(recorder.operations, [], torch.device("cpu"), 1)
    assert [one.name for one in program.operations] == ["loop"]
    got.zero_()
    program.run()
    work(expected)
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=0, equal_nan=True)


def _takes_one(function: Callable[..., Tensor]) -> bool:
    try:
        function(torch.ones(1))
    except TypeError:
        return False
    return True


def test_of_many_operations_each_loop_takes_some() -> None:
    def work(n: Numbers) -> None:
        for _ in range(70):
            n.w.mul_(n.y).add_(n.x)

    program = assert_replayed_is_plain(work, LONG, torch.float64, 1)
    assert loops_of(program) == -(-140 // neighbours.MOST_TOGETHER)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", [50, LONG])
def test_a_single_number_between_two_vectors_does_not_part_them(size: int, compiled: bool) -> None:
    def work(n: Numbers) -> None:
        n.x.mul_(0.9).add_(n.y)
        correction = 1 - 0.9**n.rate
        n.w -= n.rate / correction * n.x

    program = assert_replayed_is_plain(work, size, torch.float64, 1, compiled)
    of_vectors = [one for one in program.operations if isinstance(one, Loop) and one.code.size == size]
    assert len(of_vectors) == (compiled or size == LONG)


@pytest.mark.parametrize("release", [(0, 43, 0), (0, 44)])
def test_an_older_llvmlite_is_left_alone(release: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "_release", lambda: release)
    assert loops_of(recorded(scaled_quotient, Numbers.made(LONG, torch.float32))) == 0


def test_what_lies_between_needs_no_memory() -> None:
    program = recorded(scaled_quotient, Numbers.made(10 * LONG, torch.float32))
    assert program.bytes < 1000
    assert len(program.calls) <= 4  # the loop and what is computed of the rate


def test_short_vectors_are_left_to_numpy() -> None:
    program = recorded(scaled_quotient, Numbers.made(FEWEST - 1, torch.float32))
    assert [one.name for one in program.operations][-3:] == ["div", "mul", "sub_"]


def test_a_sum_of_scale_1_is_left_to_numpy_too() -> None:
    numbers = Numbers.made(10, torch.float32)
    program = recorded(lambda n: n.w.add_(n.x, alpha=1), numbers)
    assert [call.func for call in program.calls] == [np.add]


def test_whole_numbers_are_no_part_of_a_loop() -> None:
    numbers = Numbers.made(LONG, torch.float32)
    whole = torch.arange(LONG)

    def work(n: Numbers) -> None:
        whole.add_(1).mul_(2)
        n.w.mul_(whole).add_(1)

    assert loops_of(recorded(work, numbers)) == 0


@pytest.mark.usefixtures("without_llvmlite")
def test_without_llvmlite_there_is_none() -> None:
    assert loops_of(recorded(scaled_quotient, Numbers.made(LONG, torch.float32))) == 0
