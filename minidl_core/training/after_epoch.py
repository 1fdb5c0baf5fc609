"""What goes by the losses of an epoch: schedules, early stopping, and who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.training.averaged_weights import AveragedWeights
from minidl_core.training.early_stopping import EarlyStopping
from minidl_core.training.scheduled_rate import ScheduledRate
from minidl_core.training.stopped import StoppedRounds

OnEpoch = Callable[[int, Tensor, Tensor], Any]
"""Called with the number of epochs done, the last one's loss of each round, `[*rounds]`, and what is watched: the loss
on validation data, for one, or that same training loss. May return which rounds are to stop there: True or False for
all, or one for each, `[*rounds]`."""


class AfterEpoch:
    """Tells all of them what is watched, and stops rounds where early stopping or a listener asks for it."""

    def __init__(
        self,
        rate: ScheduledRate,
        early_stopping: EarlyStopping | None,
        watched: Callable[[], Tensor] | None,
        on_epoch: OnEpoch | None,
        weights: AveragedWeights,
    ) -> None:
        self._weights = weights
        self._rate, self._early_stopping, self._watched, self._on_epoch = rate, early_stopping, watched, on_epoch
        self.is_anything = any(one is not None for one in (rate.schedule, early_stopping, watched, on_epoch))
        """Whether there is anything to do."""

    def __call__(self, epoch: int, losses: Tensor, stopped: StoppedRounds) -> None:
        """After an epoch, counted from 1, with these training losses, `[*rounds]`."""
        with self._weights.in_place():
            asked = self._asked(epoch, losses)
        for rounds in asked:
            stopped.stop(rounds, losses)

    def _asked(self, epoch: int, losses: Tensor) -> list[Any]:
        """Which rounds early stopping, and then the listener, ask to stop."""
        asked: list[Any] = []
        value = losses if self._watched is None else self._watched()
        if not isinstance(value, Tensor) or value.shape != losses.shape:
            given = f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ShapeError(f"watched must give a tensor of one number for each round, {[*losses.shape]}; got {given}")
        if self._rate.schedule is not None:
            self._rate.schedule.epoch_ended(epoch, value)
        if self._early_stopping is not None:
            asked.append(self._early_stopping.epoch_ended(epoch, value))
        if self._on_epoch is not None:
            asked.append(self._on_epoch(epoch, losses, value))
        return asked
