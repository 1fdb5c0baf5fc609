"""What every learning-rate schedule must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl_core.schedules import Progress, Schedule
from minidl_core.testing.differences import require_identical, require_same
from minidl_core.testing.result import fails_unless
from minidl_core.testing.subject import Subject

LENGTHS = ((40, 5), (60, 3), (7, 1), (1, 4), (1, 1))
"""Epochs, and steps of an epoch."""
ROUNDS = 3


def factors(schedule: Schedule, epochs: int, steps: int, losses: Tensor) -> Tensor:
    """Before each step of a training with the losses `[epochs, *rounds]` after its epochs: `[steps, *rounds]`."""
    schedule.begin()
    found = []
    for epoch in range(epochs):
        for step in range(steps):
            if step == 0 or schedule.by_step:
                factor = schedule(Progress(epoch, epochs, epoch * steps + step, epochs * steps))
            found.append(torch.as_tensor(factor, dtype=torch.float64).expand(losses.shape[1:]))
        schedule.epoch_ended(epoch + 1, losses[epoch])
    return torch.stack(found)


def plateaus(epochs: int, *rounds: int) -> Tensor:
    """Losses that fall for a while, each round's for longer, and then no more: `[epochs, *rounds]`."""
    fall = torch.arange(epochs, dtype=torch.float64).reshape(-1, *(1 for _ in rounds))
    ends = 4.0 + 5 * torch.arange(rounds[0]) if rounds else torch.tensor(4.0)
    return 1 / (1 + torch.minimum(fall, ends))


def behaviour(subject: Subject[Schedule]) -> list[Tensor]:
    """All that can be seen of what it does."""
    return [factors(subject.build(), epochs, steps, plateaus(epochs)) for epochs, steps in LENGTHS]


def its_factors_are_finite_and_not_below_0(subject: Subject[Schedule]) -> None:
    """In trainings long and short, the first above 0 where there is more than one step; of each round or of all."""
    for epochs, steps in LENGTHS:
        for losses in (plateaus(epochs), plateaus(epochs, ROUNDS), torch.full((epochs,), float("nan"))):
            found = factors(subject.build(), epochs, steps, losses)
            where = f"in {epochs} epochs of {steps} steps"
            fails_unless(bool(found.isfinite().all()), f"a factor is not finite, {where}")
            fails_unless(bool((found >= 0).all()), f"a factor is below 0, {where}")
            fails_unless(len(found) == 1 or bool((found[0] > 0).all()), f"the first factor is 0, {where}")


def each_round_has_the_factors_of_a_training_of_its_own(subject: Subject[Schedule]) -> None:
    for epochs, steps in LENGTHS:
        losses = plateaus(epochs, ROUNDS)
        together = factors(subject.build(), epochs, steps, losses)
        for index in range(ROUNDS):
            alone = factors(subject.build(), epochs, steps, losses[:, index])
            require_same(f"the factors of round {index}", together[:, index], alone)


def it_begins_anew_in_each_training(subject: Subject[Schedule]) -> None:
    """What it noted in a training before has no effect, and neither losses nor progress are changed."""
    schedule = subject.build()
    for epochs, steps in LENGTHS:
        losses = plateaus(epochs)
        before = losses.clone()
        expected = factors(subject.build(), epochs, steps, losses)
        require_identical("the factors of a second training", factors(schedule, epochs, steps, losses), expected)
        require_identical("the losses", losses, before)


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    its_factors_are_finite_and_not_below_0,
    each_round_has_the_factors_of_a_training_of_its_own,
    it_begins_anew_in_each_training,
)
