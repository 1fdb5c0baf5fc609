"""`stop` ends a training at the very step after which it says so; `on_epoch` hears of each epoch that was done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Sequential
from minidl_core.optim import SGD
from minidl_core.runs import train
from minidl_core.spec import build_model
from minidl_core.training import fit

ROWS, BATCH, STEPS = 22, 5, 5  # 5 steps an epoch
SEEDS = [3, 4]


def fresh() -> tuple[Sequential, Examples]:
    random = torch.Generator().manual_seed(0)
    x, t = (torch.randn(2, ROWS, 3, generator=random, dtype=torch.float64) for _ in range(2))
    return build_model("linear(3,4)-tanh-linear(4,3)").initialize(SEEDS, dtype=torch.float64), Examples(x, t)


def weights_after(steps: int) -> Tensor:
    """By a plain loop of so many steps."""
    model, examples = fresh()
    batches, loss = Batches(examples, BATCH, SEEDS, (2,)), MSE()
    for step in range(steps):
        x, target = list(batches.epoch(step // STEPS))[step % STEPS]
        loss.forward(model.forward(x), target)
        model.backward(loss.backward())
        model.update_param(0.1)
    return model.parameters.values


class After:
    """Says stop after so many steps; once only, or from then on."""

    def __init__(self, steps: int, once: bool) -> None:
        self.steps, self.once, self.asked = steps, once, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked == self.steps or (self.asked > self.steps and not self.once)


def stopped(stop: Callable[[], bool], epochs: int = 4) -> tuple[Tensor, Tensor, list[int]]:
    """The history, the weights, and the epochs that were heard of."""
    model, examples = fresh()
    heard: list[int] = []
    history = fit(
        model,
        examples,
        MSE(),
        SGD(0.1),
        epochs=epochs,
        batch_size=BATCH,
        seeds=SEEDS,
        stop=stop,
        on_epoch=lambda epoch, *_: heard.append(epoch),
    )
    return history, model.parameters.values, heard


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_a_training_ends_at_the_step_after_which_stop_says_so(steps: int, once: bool) -> None:
    history, values, heard = stopped(After(steps, once))
    torch.testing.assert_close(values, weights_after(steps), rtol=1e-13, atol=1e-14)
    assert history.shape == (steps // STEPS, 2)
    assert heard == list(range(1, steps // STEPS + 1))


@pytest.mark.parametrize("steps", [6, 9, 13])
def test_a_training_ends_within_a_later_epoch_too(steps: int) -> None:
    # Asked after each step, and once more after each whole epoch.
    history, values, _ = stopped(After(steps + steps // STEPS, once=False))
    assert len(history) == steps // STEPS
    torch.testing.assert_close(values, weights_after(steps), rtol=1e-13, atol=1e-14)


def test_the_losses_before_a_stop_are_those_of_the_whole_training() -> None:
    whole, *_ = stopped(lambda: False)
    heard: list[int] = []
    model, examples = fresh()
    part = fit(
        model,
        examples,
        MSE(),
        SGD(0.1),
        epochs=4,
        batch_size=BATCH,
        seeds=SEEDS,
        on_epoch=lambda epoch, *_: heard.append(epoch),
        stop=lambda: len(heard) == 2,
    )
    assert torch.equal(part, whole[:2])
    assert heard == [1, 2]


def test_each_epoch_is_heard_of_with_the_loss_of_each_round() -> None:
    model, examples = fresh()
    heard: list[tuple[int, Tensor]] = []
    history = fit(
        model,
        examples,
        MSE(),
        SGD(0.1),
        epochs=3,
        batch_size=BATCH,
        seeds=SEEDS,
        on_epoch=lambda epoch, losses, _: heard.append((epoch, losses.clone())),
    )
    assert [epoch for epoch, _ in heard] == [1, 2, 3]
    assert torch.equal(torch.stack([losses for _, losses in heard]), history)


@pytest.mark.parametrize(("epochs_done", "interrupted"), [(0, True), (2, True), (3, False)])
def test_train_says_whether_it_was_stopped_and_measures_what_there_is(epochs_done: int, interrupted: bool) -> None:
    heard: list[int] = []
    training = train(
        "linear(2,2)",
        "disk(n=20)",
        epochs=3,
        batch_size=5,
        rounds=2,
        on_epoch=lambda epoch, *_: heard.append(epoch),
        stop=lambda: len(heard) >= epochs_done,
    )
    assert training.interrupted == interrupted
    assert training.epochs == epochs_done == len(heard)
    assert training.history.shape == (epochs_done, 2)
    assert len(training.train["accuracy"].values) == 2
