"""How many threads a training takes, and that it leaves as many as it found."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import Tensor

from minidl_core.nn import Linear, Module, Sequential
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


class Noting(Module):
    """Its input, which notes with how many threads that is computed."""

    seen: ClassVar[list[int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(torch.get_num_threads())
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def test_figures_and_predictions_take_no_more_threads_than_they_are_worth() -> None:
    with use_threads(3):
        training = train(Sequential(Linear(2, 2), Noting()), "disk(n=40)", epochs=1)
        Noting.seen.clear()
        training.trained.evaluate(training.data.train)
        training.trained.predict(torch.zeros(5, 2))
        assert set(Noting.seen) == {1}


@pytest.mark.parametrize("threads", [1, 3])
def test_the_figures_of_a_training_take_its_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidl_core.training.threads.SMALL_STEP", 1)
    with use_threads(2):
        train(Sequential(Linear(2, 2), Noting()), "disk(n=40)", epochs=1, threads=threads)
        assert Noting.seen[-2:] == [threads, threads]  # for training and test data


def test_threads_are_as_before_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), use_threads(before + 2):
        _ = 1 / 0
    train("linear(_,_)", "disk(n=40)", epochs=1, threads=before + 1)
    assert torch.get_num_threads() == before
