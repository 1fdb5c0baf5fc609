"""Checkpoints of a training: what is in one, and how to go on from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from minidl_core.data.batches import Batches
from minidl_core.errors import MinidlError, ModelFileError
from minidl_core.nn import Module
from minidl_core.schedules import Schedule
from minidl_core.spec.component import Component
from minidl_core.training.averaged_weights import AveragedWeights
from minidl_core.training.capture import CapturedStep
from minidl_core.training.checkpoint.components import Components
from minidl_core.training.checkpoint.course import Course
from minidl_core.training.checkpoint.random_numbers import RandomNumbers
from minidl_core.training.checkpoint.state import Checkpoint, Keeper, Remembering, State
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.scheduled_rate import ScheduledRate
from minidl_core.training.stopped import StoppedRounds


class Checkpoints:
    """Keeps checkpoints of a training, and goes on from one.

    Args:
        keeper: None keeps none.
        model: that of the training; the step has what computes it in all of its rounds.
        others: whoever remembers something beside those of the loop.
    """

    def __init__(
        self,
        keeper: Keeper | None,
        model: Module,
        step: CapturedStep,
        course: Course,
        rate: ScheduledRate,
        early_stopping: EarlyStopping | None,
        averaged: AveragedWeights,
        stopped: StoppedRounds,
        random_numbers: RandomNumbers,
        others: Mapping[str, Remembering],
    ) -> None:
        self._keeper, self._step, self._rate = keeper, step, rate
        self._early_stopping, self._averaged = early_stopping, averaged
        if keeper is None:
            return
        self._components = Components(lambda: _components(model, step, rate.schedule), model.parameters.rounds)
        self._parts: dict[str, Remembering] = {"course": course, "components": self._components}
        if early_stopping is not None:
            self._parts["early_stopping"] = early_stopping
        # The generators come last, since others may draw while they are restored.
        self._parts |= {"stopped": stopped, **others, "random": random_numbers}

    def go_on(self, batches: Batches) -> None:
        """Be where the keeper's checkpoint was made. Raises ModelFileError where it is not one of this training.

        Args:
            batches: of the training, for rehearsals.
        """
        if self._keeper is not None:
            if self._keeper.start is not None:
                self._resume(self._keeper.start, batches)
            self._keeper.began()

    def _resume(self, start: Checkpoint, batches: Batches) -> None:
        if start.keys() != {"step", *self._parts}:
            raise ModelFileError(f"the checkpoint has {', '.join(start)}; expected step, {', '.join(self._parts)}")
        try:
            self._components.resume_present(start["components"])
            self._rate.begin_epoch(0)  # a step is recorded with a rate of the kind that it will have
            self._step.reach(start["step"].numbers, next(batches.blocks(0)))
            for name, part in self._parts.items():
                part.resume(start[name])
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError) as error:
            if isinstance(error, MinidlError):
                raise
            raise ModelFileError(
                f"the checkpoint is not one of this training ({type(error).__name__}: {error})"
            ) from error
        self._step.refresh()

    def epoch_ended(self, epoch: int) -> None:
        """After an epoch, counted from 1."""
        if self._keeper is not None and self._keeper.is_due(epoch):
            self.keep()
            self._step.refresh()

    def keep(self) -> None:
        """Keep a checkpoint of this moment."""
        if self._keeper is None:
            return
        self._step.give_back()
        checkpoint = {name: part.state() for name, part in self._parts.items()}
        checkpoint["step"] = State({}, self._step.stages)
        self._keeper.keep(checkpoint)
        with self._averaged.in_place(), self._early_stopping.best() if self._early_stopping else nullcontext():
            self._keeper.keep_model()


def _components(model: Module, step: CapturedStep, schedule: Schedule | None) -> dict[str, Component]:
    """All that remember something, by place."""
    found: dict[str, Component] = {"loss": step.loss, "optimizer": step.update.optimizer}
    if schedule is not None:
        found["schedule"] = schedule
    for root, layers in ("layers", step.model), ("settings", model):
        if root == "layers" or layers is not step.model:
            found |= {f"{root}.{path}".rstrip("."): layer for path, layer in layers.layers_within().items()}
    return found
