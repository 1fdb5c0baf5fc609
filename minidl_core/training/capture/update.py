"""The optimizer's part of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl_core.nn import FlatParameters
from minidl_core.optim import Optimizer, optimizers_within
from minidl_core.training.capture.operations import Operation
from minidl_core.training.capture.phase import Phase
from minidl_core.training.capture.random_state import random_state, set_random_state
from minidl_core.training.capture.record import Recorder
from minidl_core.training.capture.worth import Gain
from minidl_core.training.gradients import Gradients


class _Number(torch.Tensor):
    """A tensor of a single number, which is not found in a set or a dict where the number would be: it says so."""

    __hash__ = None  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


class Update(Phase):
    """An optimizer's step, and what becomes of the gradients before it.

    Its learning rate and its number of steps are read in each replay, and not frozen.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        parameters: FlatParameters,
        gradients: Gradients | None,
        threads: int,
        capture: bool = True,
    ) -> None:
        def work() -> None:
            if gradients is not None:
                gradients(parameters)
            optimizer.step(parameters)

        device = parameters.values.device
        super().__init__(work, lambda: optimizers_within(optimizer), [], device, threads, capture)
        self.optimizer: Any = optimizer
        self.parameters = parameters
        self._steps, self._lr = (torch.zeros((), dtype=torch.float64, device=device) for _ in range(2))
        """The numbers as the recording reads them."""
        self._known_lr: Any = None
        """The learning rate that is in `_lr`, or that is a tensor which the recording reads itself."""
        self._steps_of_one = 0
        """By how much one step counts up."""
        self._changes_gradients = False

    def refresh(self) -> None:
        super().refresh()
        self._steps.fill_(self.optimizer.steps)

    def _first(self) -> None:
        version = self.parameters.grads._version
        super()._first()
        self._changes_gradients = self.parameters.grads._version != version

    def _record(self) -> None:
        self.beside = self.beside or Gain()  # from now on, so that one that goes on is recorded as this one is
        steps = self.optimizer.steps
        undo = self._undo()
        try:
            with self._numbers_as_tensors():
                super()._record()
        except Exception as error:  # of the optimizer's own code, that expects numbers
            undo()
            self._go_on_plainly(f"{self.optimizer} needs numbers for lr and steps ({type(error).__name__}: {error})")
            self._plainly()
        self.state[:] = [one for one in self.state if (id(one.place), one.name) not in self.read_anew]
        self._steps_of_one = self.optimizer.steps - steps

    def _check(self) -> None:
        if self.has_its_rate():
            super()._check()
        else:
            self._first()

    def _undo(self) -> Callable[[], None]:
        """What sets everything back that a step may have changed by now."""
        attributes = [vars(one) for one in optimizers_within(self.optimizer)]
        places = [(place, dict(place)) for place in (*attributes, self.optimizer.state)]
        tensors = [self.parameters.values, *self.optimizer.state.values()]
        if self._changes_gradients:  # few optimizers do, and a copy of a large model's is dear
            tensors.append(self.parameters.grads)
        before, draws = list(map(self._copy_of, tensors)), random_state(self.device, [])

        def undo() -> None:
            for place, attributes in places:
                place.clear()
                place.update(attributes)
            for tensor, old in zip(tensors, before, strict=True):
                tensor.copy_(old)
            set_random_state(self.device, [], draws)

        return undo

    @contextlib.contextmanager
    def _numbers_as_tensors(self) -> Iterator[None]:
        steps, lr = self.optimizer.steps, getattr(self.optimizer, "lr", None)
        is_number = isinstance(lr, (int, float))
        self._known_lr = lr
        self._steps.fill_(steps)
        try:
            self.optimizer.steps = self._steps.as_subclass(_Number)
            if is_number:
                self._lr.fill_(self._known_lr)
                self.optimizer.lr = self._lr.as_subclass(_Number)
            places = [vars(one) for one in optimizers_within(self.optimizer)]
            self.read_anew = {
                (id(place), name) for place in places for name, one in place.items() if isinstance(one, _Number)
            }
            yield
            steps = int(self.optimizer.steps)
        finally:
            self.optimizer.steps = steps
            if is_number and isinstance(getattr(self.optimizer, "lr", None), _Number):
                self.optimizer.lr = lr

    def _to_replay(self, recorder: Recorder) -> list[Operation]:
        """All, but for the counting of steps where it is for Python's sake alone."""
        memory = recorder.value(self._steps).memory
        count = [one for one in recorder.operations if any(value.memory is memory for value in one.arguments)]
        is_alone = len(count) == 1 and not count[0].outputs
        return [one for one in recorder.operations if not is_alone or one is not count[0]]

    def _plainly(self) -> None:
        super()._plainly()
        self._steps.fill_(self.optimizer.steps)

    def _size(self, plain: Tensor, before: Tensor) -> Tensor:
        """That of the change: an optimizer moves large numbers by little, and a wrong step is as little."""
        return (plain - before).norm() if plain.is_floating_point() else plain

    def _replay(self) -> Callable[[], object]:
        program = super()._replay()

        def replay() -> None:
            if self.has_its_rate():
                program()
                self.count()
            else:
                self._first()

        return replay

    def count(self) -> None:
        """Count the step of a replay."""
        self.optimizer.steps += self._steps_of_one

    def has_its_rate(self) -> bool:
        """Read a rate that someone has set; False where it was a number and is a tensor now, or the reverse."""
        lr, known = getattr(self.optimizer, "lr", None), self._known_lr
        if lr is known:
            return True
        if not isinstance(lr, (int, float)) or not isinstance(known, (int, float)):
            return False
        self._lr.fill_(lr)
        self._known_lr = lr
        return True
