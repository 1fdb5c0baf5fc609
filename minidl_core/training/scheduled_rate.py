"""An optimizer's learning rate in the course of a training."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from minidl_core.errors import RequestError
from minidl_core.nn import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.schedules import Constant, Progress, Schedule


class ScheduledRate:
    """Sets the rate as a schedule says; at the end of `with`, the optimizer has its own again.

    Args:
        parameters: of the model, for their rounds, type and device.
        schedule: None leaves the rate to whoever else sets it.
        epochs, steps: of the training, and of an epoch.
    """

    def __init__(
        self, optimizer: Optimizer, parameters: FlatParameters, schedule: Schedule | None, epochs: int, steps: int
    ) -> None:
        self._optimizer: Any = optimizer
        self._like = parameters.values
        self.schedule = None if isinstance(schedule, Constant) else schedule
        self._epochs, self._steps = epochs, steps
        self._step = 0
        self._rate: Tensor | None = None
        """Where the optimizer reads the rates of rounds, `[*rounds, 1]`, once they differ."""

    def __enter__(self) -> Self:
        if self.schedule is not None:
            if not hasattr(self._optimizer, "lr"):
                raise RequestError(
                    f"{self._optimizer} has no lr that '{self.schedule}' could set; leave one of them out"
                )
            self._own = self._optimizer.lr
            self.schedule.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.schedule is not None:
            self._optimizer.lr = self._own

    def begin_epoch(self, epoch: int, done: int = 0) -> None:
        """Set the rate of an epoch's next step, where so many of its steps are done; epochs count from 0."""
        self._step = epoch * self._steps + done
        self._set()

    def after_steps(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """What is to be called after each step: it sets the rate of the next one, and asks `stop`."""

        def next_step() -> bool:
            self._step += 1
            if self._step % self._steps:  # the first of an epoch has its rate from `begin_epoch`
                self._set()
            return stop()

        return next_step if self.schedule is not None and self.schedule.by_step else stop

    def _set(self) -> None:
        if self.schedule is None:
            return
        factor = self.schedule(
            Progress(self._step // self._steps, self._epochs, self._step, self._epochs * self._steps)
        )
        if not self._is_factor(factor):
            expected = f"a number, 0 or greater, or one for each round, {[*self._like.shape[:-1]]}"
            raise RequestError(f"'{self.schedule}' must give {expected}; got {factor}")
        if isinstance(factor, Tensor) or isinstance(self._own, Tensor):
            self._set_of_rounds(factor)
        else:
            self._optimizer.lr = self._own * factor

    def _is_factor(self, factor: object) -> bool:
        if isinstance(factor, Tensor):
            return factor.shape in [(), self._like.shape[:-1]] and bool((factor >= 0).all())
        return isinstance(factor, Real) and float(factor) >= 0  # no tensor is made of it: it may be asked at each step

    def _set_of_rounds(self, factor: float | Tensor) -> None:
        if self._rate is None:  # one memory, which a captured step goes on to read
            self._rate = self._like.new_empty(*self._like.shape[:-1], 1)
        if isinstance(factor, Tensor):
            factor = factor.to(self._like.device).expand(self._like.shape[:-1]).unsqueeze(-1)
        self._rate.copy_(torch.as_tensor(self._own * factor))
        self._optimizer.lr = self._rate
