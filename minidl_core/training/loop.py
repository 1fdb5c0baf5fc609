"""The training loop: forward, loss, backward, step, over all rounds at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples, MappedExamples
from minidl_core.errors import DivergedError, RequestError, require
from minidl_core.losses import Loss
from minidl_core.nn import FlatParameters, Module
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.optim import Optimizer
from minidl_core.schedules import Schedule
from minidl_core.training.after_epoch import AfterEpoch, OnEpoch
from minidl_core.training.averaged_weights import AveragedWeights
from minidl_core.training.capture import CapturedStep
from minidl_core.training.checkpoint import Keeper
from minidl_core.training.checkpoint.checkpoints import Checkpoints
from minidl_core.training.checkpoint.course import Course
from minidl_core.training.checkpoint.random_numbers import RandomNumbers
from minidl_core.training.checkpoint.state import Remembering
from minidl_core.training.diagnosis import Diagnosis
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.gradients import Gradients
from minidl_core.training.scheduled_rate import ScheduledRate
from minidl_core.training.stopped import StoppedRounds
from minidl_core.training.threads import threads_for_step, use_threads


def fit(
    model: Module,
    examples: Examples | MappedExamples,
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int,
    seeds: Sequence[int],
    schedule: Schedule | None = None,
    gradients: Gradients | None = None,
    early_stopping: EarlyStopping | None = None,
    watched: Callable[[], Tensor] | None = None,
    threads: int | None = None,
    capture: bool = True,
    diagnosis: Diagnosis | None = None,
    on_epoch: OnEpoch | None = None,
    stop: Callable[[], bool] = lambda: False,
    keeper: Keeper | None = None,
    remembering: Mapping[str, Remembering] | None = None,
) -> Tensor:
    """Train a model in place, and return the loss of each epoch, `[epochs, *rounds]`.

    Args:
        model: with as many rounds as there are seeds.
        examples: features and targets as the model and the loss take them.
        optimizer: its `lr` may be a tensor `[*rounds, 1]`, one rate a round.
        seeds: one a round, for the order of its batches.
        schedule: of the learning rate, which is the optimizer's own again in the end.
        gradients: what becomes of them before each step: penalties, a limit to their norm.
        early_stopping: which rounds stop, by what is watched; in the end each has what it had learned by its best
            epoch. None trains all epochs.
        watched: gives what the schedule and early stopping go by after an epoch, `[*rounds]`, such as the loss on
            validation data; None takes the training loss.
        threads: None takes one for a step so small that more would lose, else all that torch has.
        capture: record the operations of a step once and replay them, without the layers' Python. What cannot be
            recorded runs plainly, as all does with False; a warning of the logger `minidl` says why.
        diagnosis: told of the end of each epoch, after some of which it looks at the model.
        on_epoch: called after each epoch. Rounds for which it returns True no longer change, in weights, optimizer
            state and loss; when all have stopped the training ends.
        stop: asked after each step; True ends the training there.
        keeper: keeps checkpoints, and has the one to go on from: the training is then, bit for bit, the one that it
            was made of, where that was of the same arguments.
        remembering: whoever else remembers something that belongs into a checkpoint, by name.

    Layers draw random numbers from generators that are seeded with the first round's seed, and are in the end as they
    were before.

    Raises:
        ShapeError: for features and targets that do not fit, and a loss that is not one number a round.
        DivergedError: when a loss or a weight becomes NaN or infinite. The model then has the weights of the last
            epoch that ended well, trained and not averaged, or with early stopping those of each round's best epoch.
    """
    require("epochs", epochs, epochs >= 0, "0 or greater")
    parameters = model.parameters
    _require_lr(optimizer, parameters)
    in_rounds = for_rounds(model).train()
    encoded = examples.each(lambda part: _encoded(part, model, loss))
    batches = Batches(encoded, batch_size, seeds, parameters.rounds)
    share = batches.shares().to(parameters.values)
    course, random_numbers = Course(parameters, len(batches)), RandomNumbers(parameters.values.device)
    rate = ScheduledRate(optimizer, parameters, schedule, epochs, len(batches))
    averaged = AveragedWeights(optimizer, parameters)
    after_epoch = AfterEpoch(rate, early_stopping, watched, on_epoch, averaged)
    stop_after_step = rate.after_steps(stop)
    if early_stopping is not None:
        early_stopping.begin(in_rounds)
    with (
        use_threads(threads_for_step(parameters, min(batch_size, batches.rows)) if threads is None else threads),
        random_numbers.seeded(seeds[0]),
        rate,
        closing(
            CapturedStep(in_rounds, loss, optimizer, gradients, threads=torch.get_num_threads(), capture=capture)
        ) as step,
    ):
        stopped_rounds = StoppedRounds(in_rounds, optimizer)
        checkpoints = Checkpoints(
            keeper,
            model,
            step,
            course,
            rate,
            early_stopping,
            averaged,
            stopped_rounds,
            random_numbers,
            remembering or {},
        )
        checkpoints.go_on(batches)
        for epoch in range(course.epochs, epochs):
            if stopped_rounds.are_all:
                break
            rate.begin_epoch(epoch, course.done)
            course.epoch_begins()
            stopped = _take_steps(step, batches, course, stop_after_step)
            losses = course.losses[: course.done]
            step.give_back()
            stopped_rounds.set_back(losses)
            if error := _diverged(losses, parameters.values, epoch, batches, early_stopping):
                course.set_back()
                raise _with_the_rest(error, course, early_stopping)
            if course.done < len(batches):
                break
            mean_losses = course.epoch_ended(share)
            if diagnosis is not None:
                diagnosis.epoch_ended(epoch + 1)
            if after_epoch.is_anything:
                after_epoch(epoch + 1, mean_losses, stopped_rounds)
                _take_over(model, in_rounds)
                step.refresh()
            if stopped or stop():
                break
            if epoch + 1 < epochs:  # the last one is kept below
                checkpoints.epoch_ended(epoch + 1)
        step.give_back()
        checkpoints.keep()
    averaged.keep()
    if early_stopping is not None:
        early_stopping.restore()
    return course.history


def _with_the_rest(error: DivergedError, course: Course, early_stopping: EarlyStopping | None) -> DivergedError:
    """The error, with what there was before it, and the model as it is kept."""
    error.history = course.history
    if early_stopping is not None:
        early_stopping.restore()
    return error


def _advice(examples: Examples | MappedExamples) -> str:
    """What to do where a loss becomes NaN or infinite."""
    parts = [examples.features, examples.target, examples.weight] if isinstance(examples, Examples) else []
    if not all(part is None or part.isfinite().all() for part in parts):
        return "Some of the features, targets or weights are NaN or infinite: correct or remove those rows"
    return "Try a smaller learning rate first"


def _take_steps(step: CapturedStep, batches: Batches, course: Course, stop: Callable[[], bool]) -> bool:
    """The steps of an epoch that are not done yet, until `stop()`; whether it was stopped."""
    for block in batches.blocks(course.epochs, course.done):
        taken, is_stopped = step.run(block, course.losses[course.done :], stop)
        course.done += taken
        if is_stopped:
            return True
    return False


def _require_lr(optimizer: Optimizer, parameters: FlatParameters) -> None:
    """Raise RequestError for a learning rate that is neither a number nor one for each round, where the model is."""
    lr: Any = getattr(optimizer, "lr", 0.0)
    shapes = [(), (*parameters.rounds, 1)]
    if not isinstance(lr, (Real, Tensor)) or (isinstance(lr, Tensor) and tuple(lr.shape) not in shapes):
        given = f"a tensor {list(lr.shape)}" if isinstance(lr, Tensor) else repr(lr)
        raise RequestError(f"lr must be a number, or a tensor of one for each round, {[*shapes[1]]}; got {given}")
    if isinstance(lr, Tensor) and lr.dim() and lr.device != parameters.values.device:
        raise RequestError(
            f"lr is a tensor on {lr.device}; it must be where the model is, on {parameters.values.device}"
        )


def _take_over(model: Module, in_rounds: Module) -> None:
    """Let what computes the model have what others have set there."""
    if in_rounds is not model:
        for_rounds(model)
    if not in_rounds.training:  # it was evaluated
        in_rounds.train()


def _encoded(examples: Examples, model: Module, loss: Loss) -> Examples:
    """Labels as the loss compares with them, so that no step has to look at them."""
    features, target = examples.features, examples.target
    if target.is_floating_point() or target.shape != features.shape[:-1]:
        loss.check_values(target)
        return examples
    [outputs] = model.output_shape(tuple(features.shape[-1:]))
    return replace(examples, target=loss.encode(target, outputs, features.dtype))


def _diverged(
    losses: Tensor, values: Tensor, epoch: int, batches: Batches, early_stopping: EarlyStopping | None
) -> DivergedError | None:
    """Where a loss of an epoch's steps, `[steps, *rounds]`, or a weight after them is not finite; None if all are."""
    # A sum is finite only where all numbers are, and takes a fraction of the time of looking at each.
    if math.isfinite(losses.sum() + values.sum()):
        return None
    bad_losses = ~losses.isfinite()
    bad_rounds = bad_losses.any(0) | ~values.isfinite().all(-1)
    if not bad_rounds.any():
        return None
    bad_steps = bad_losses.reshape(len(losses), -1).any(-1)
    if bad_steps.any():
        step = int(bad_steps.long().argmax()) + 1
        what = f"the loss became {'NaN' if losses[step - 1].isnan().any() else 'infinite'}"
    else:
        step, what = len(losses), "the weights became NaN or infinite"
    rounds = (bad_rounds.reshape(-1).nonzero().flatten() + 1).tolist()
    among, s = "", "s" if len(rounds) > 1 else ""
    if bad_rounds.dim():
        numbers, seeds = (", ".join(map(str, some)) for some in (rounds, [batches.seeds[r - 1] for r in rounds]))
        among = f" in round{s} {numbers} of {len(batches.seeds)} (seed{s} {seeds})"
    kept = "the weights of each round's best epoch" if early_stopping else f"its weights from the end of epoch {epoch}"
    return DivergedError(
        f"{what} in epoch {epoch + 1}, step {step} of {len(batches)}{among}; the model keeps {kept}. "
        f"{_advice(batches.examples)}",
        epoch=epoch + 1,
        step=step,
        rounds=rounds,
    )
