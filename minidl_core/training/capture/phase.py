"""A part of a step, and how it comes to be replayed."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl_core.nn import FlatParameters
from minidl_core.nn.saved import forget_saved
from minidl_core.optim import Optimizer
from minidl_core.spec.component import Component
from minidl_core.training.capture.operations import Operation
from minidl_core.training.capture.program import Program
from minidl_core.training.capture.random_state import random_state, same, set_random_state
from minidl_core.training.capture.record import Recorder
from minidl_core.training.capture.remembered import Attribute, Remembered, fingerprint

TRIES = 3
"""How often a replay may differ from a plain run before it is given up: where a number is within rounding of a kink,
such as that of a ReLU, it can fall on either side."""

log = logging.getLogger("minidl")


class Phase:
    """Work that is done again and again: `phase.run()`.

    The first time it is run plainly, so that all that it makes for later is there. The second run is recorded. The next
    is run plainly and replayed, and if both give the same, to rounding, all further ones are replayed. If they do not,
    or the recording cannot stand for all runs, the work goes on plainly, and `obstacle` says why.

    Args:
        work: what is to be done, with no arguments, on tensors that stay where they are.
        components: all that may remember something from run to run.
        device: where the tensors are.
        threads: with how many torch computes.
        capture: False to run plainly from the beginning.
    """

    own_numbers: tuple[str, ...] = ()
    """Attributes of the components that may be others in each run, and are read anew."""

    def __init__(
        self,
        work: Callable[[], object],
        components: Sequence[Component],
        device: torch.device,
        threads: int,
        capture: bool = True,
    ) -> None:
        self.work, self.components, self.device, self.threads = work, components, device, threads
        self.run: Callable[[], object] = self._first if capture else work
        self.program: Program | None = None
        self.obstacle: str | None = None
        self._state: list[Attribute] = []
        self._results: list[Attribute] = []
        self._tries = 0
        self._assigned: list[int] = []

    def refresh(self) -> None:
        """Record anew where someone has assigned an attribute of a component since."""
        if self.program is not None and self._fingerprint() != self._assigned:
            self.program = None
            self.run = self._record

    def give_back(self) -> None:
        """Let components have what a replay made in their place."""
        for place, name, tensor in self._results:
            place[name] = tensor.clone()
        if self._results:
            self._assigned = self._fingerprint()

    def _first(self) -> None:
        self.work()
        self.run = self._record

    def _record(self) -> None:
        recorder = Recorder(self.device)
        remembered = Remembered(self.components)
        with recorder:
            self.work()
        self._state, results = remembered.assigned(recorder)
        for attribute in self._state:
            recorder.copied(attribute.place[attribute.name], attribute.tensor)
            attribute.carry_over()
        if recorder.obstacle is not None:
            self._go_on_plainly(recorder.obstacle)
            return
        wanted = [recorder.value(tensor) for _, _, tensor in results]
        try:
            self.program = Program(self._to_replay(recorder), wanted, self.device, self.threads)
        except Exception as error:  # of an operation of a kind that nobody has thought of
            self._go_on_plainly(f"{type(error).__name__}: {error}")
            return
        places = map(self.program.tensor, wanted)
        self._results = [one._replace(tensor=tensor) for one, tensor in zip(results, places, strict=True)]
        self._settle()
        self._tries = 0
        self.run = self._check

    def _to_replay(self, recorder: Recorder) -> list[Operation]:
        """The operations that a replay is made of."""
        return recorder.operations

    def _check(self) -> None:
        """A plain run and a replay of the same; the replay's results stay where they are right."""
        assert self.program is not None
        memory = self.program.written
        before, state = [tensor.clone() for tensor in memory], random_state(self.device)
        self._run_plainly()
        after_plain = random_state(self.device)
        for index, tensor in enumerate(memory):  # now `before` holds what the plain run gave
            plain = tensor.clone()
            tensor.copy_(before[index])
            before[index] = plain
        set_random_state(self.device, state)
        try:
            self.program.run()
            same_draws = same(after_plain, random_state(self.device))
            difference = "" if same_draws and all(map(agree, memory, before)) else "it gives other numbers"
        except Exception as error:
            difference = f"{type(error).__name__}: {error}"
        if not difference:
            self._settle()
            self.run = self._replay()
            return
        for tensor, plain in zip(memory, before, strict=True):
            tensor.copy_(plain)
        set_random_state(self.device, after_plain)
        self._tries += 1
        if self._tries == TRIES:
            self._go_on_plainly(f"a replay is not the same as a plain run ({difference})")

    def _run_plainly(self) -> None:
        self.work()
        for attribute in self._state:
            attribute.carry_over()

    def _replay(self) -> Callable[[], object]:
        """What runs the program from now on: on a GPU a CUDA graph of it."""
        assert self.program is not None
        if self.device.type != "cuda":
            return self.program.run
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.program.run()
        return graph.replay

    def _settle(self) -> None:
        """Let go of what the plain run left in the components."""
        for component in self.components:
            forget_saved(component)
        self._assigned = self._fingerprint()

    def _fingerprint(self) -> list[int]:
        return fingerprint(self.components, self.own_numbers)

    def _go_on_plainly(self, obstacle: str) -> None:
        self.obstacle, self.program, self.run, self._results = obstacle, None, self.work, []
        log.warning("a training step is not captured, and runs more slowly: %s", obstacle)


class Update(Phase):
    """An optimizer's step. Its learning rate and its number of steps are read in each replay, and not frozen."""

    own_numbers = ("lr", "steps")

    def __init__(self, optimizer: Optimizer, parameters: FlatParameters, threads: int, capture: bool = True) -> None:
        device = parameters.values.device
        super().__init__(lambda: optimizer.step(parameters), [optimizer], device, threads, capture)
        self.optimizer: Any = optimizer
        self.parameters = parameters
        self._steps, self._lr = (torch.zeros((), dtype=torch.float64, device=device) for _ in range(2))
        self._known_lr: Any = None
        self._steps_of_one = 0

    def refresh(self) -> None:
        super().refresh()
        self._steps.fill_(self.optimizer.steps)

    def _record(self) -> None:
        memory = [self.parameters.values, *self.optimizer.state.values()]
        before, steps = [tensor.clone() for tensor in memory], self.optimizer.steps
        try:
            with self._numbers_as_tensors():
                super()._record()
        except Exception as error:  # of the optimizer's own code, that expects numbers
            for tensor, old in zip(memory, before, strict=True):
                tensor.copy_(old)
            self._go_on_plainly(f"{self.optimizer} needs numbers for lr and steps ({type(error).__name__}: {error})")
            self.work()
        self._state = [attribute for attribute in self._state if attribute.name not in self.own_numbers]
        self._steps_of_one = self.optimizer.steps - steps

    def _to_replay(self, recorder: Recorder) -> list[Operation]:
        """All, but for the counting of steps where it is for Python's sake alone."""
        memory = recorder.value(self._steps).memory
        count = [one for one in recorder.operations if any(value.memory is memory for value in one.arguments)]
        return [one for one in recorder.operations if one not in count or len(count) > 1]

    @contextlib.contextmanager
    def _numbers_as_tensors(self) -> Iterator[None]:
        steps, lr = self.optimizer.steps, getattr(self.optimizer, "lr", None)
        self._steps.fill_(steps)
        self.optimizer.steps = self._steps
        if isinstance(lr, (int, float)):
            self._lr.fill_(lr)
            self.optimizer.lr = self._lr
        self._known_lr = lr
        try:
            yield
            steps = int(self.optimizer.steps)
        finally:
            self.optimizer.steps = steps
            if lr is not None:
                self.optimizer.lr = lr

    def _run_plainly(self) -> None:
        super()._run_plainly()
        self._steps.fill_(self.optimizer.steps)

    def _replay(self) -> Callable[[], object]:
        program = super()._replay()

        def replay() -> None:
            if getattr(self.optimizer, "lr", None) is not self._known_lr and not self._takes_lr():
                self._record()
            else:
                program()
                self.optimizer.steps += self._steps_of_one

        return replay

    def _takes_lr(self) -> bool:
        """Read a learning rate that someone has set; not where it was a number and now is a tensor, or the reverse."""
        lr, known = self.optimizer.lr, self._known_lr
        if not isinstance(lr, (int, float)) or not isinstance(known, (int, float)):
            return False
        self._lr.fill_(lr)
        self._known_lr = lr
        return True


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same to rounding: their difference is small beside their size."""
    if not one.is_floating_point():
        return torch.equal(one, other)
    difference, size = (one - other).norm(), other.norm()
    if not math.isfinite(difference + size):
        same = (one == other) | (one.isnan() & other.isnan())
        difference, size = (one - other).masked_fill(same, 0).norm(), other[other.isfinite()].norm()
    return bool(difference <= torch.finfo(one.dtype).eps ** 0.5 * size)
