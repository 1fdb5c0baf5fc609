"""How many threads a training takes, and that it leaves as many as it found."""

from __future__ import annotations

import pytest
import torch

from minidl_core.runs import train
from minidl_core.training.threads import SMALL_STEP, threads_for, use_threads


def _threads_within(**options: int) -> int:
    seen: list[int] = []
    train("linear(_,_)", "disk(n=40)", epochs=1, on_epoch=lambda *_: seen.append(torch.get_num_threads()), **options)
    return seen[0]


def test_a_small_network_is_trained_with_one_thread_unless_more_are_asked_for() -> None:
    assert (_threads_within(), _threads_within(threads=3)) == (1, 3)


def test_a_large_step_takes_all_threads() -> None:
    with use_threads(3):
        assert (threads_for(SMALL_STEP - 1), threads_for(SMALL_STEP)) == (1, 3)


def test_threads_are_as_before_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), use_threads(before + 2):
        _ = 1 / 0
    train("linear(_,_)", "disk(n=40)", epochs=1, threads=before + 1)
    assert torch.get_num_threads() == before
