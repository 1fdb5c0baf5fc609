"""A part of a step, and how it comes to be replayed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl_core.nn.saved import forget_saved
from minidl_core.spec.component import Component
from minidl_core.training.capture.agreement import among_others, disagreement, sums
from minidl_core.training.capture.graph import graph_of
from minidl_core.training.capture.operations import Operation
from minidl_core.training.capture.program import Program
from minidl_core.training.capture.random_state import random_state, same, set_random_state
from minidl_core.training.capture.record import Recorder
from minidl_core.training.capture.remembered import Attribute, Remembered, Settings, carry_over
from minidl_core.training.capture.worth import Gain

TRIES = 10
"""How often a replay may differ a little from a plain run before it is given up: where a number is within rounding of a
kink, such as that of a ReLU, it can fall on either side."""
A_LITTLE = 1e-2
"""Of the change that a plain run makes."""
UNLIKE = (
    "a replay is not the same as a plain run, as where a layer, the loss or the optimizer reads or changes what is no "
    "attribute of its own: a global, a closure"
)

log = logging.getLogger("minidl")


class Phase:
    """Work that is done again and again: `phase.run()`, which is one method after the other:

    - `_first`, a plain run, so that all that it makes for later is there;
    - `_record`, a plain run that is watched;
    - `_check`, a replay and a plain run of the same, until both give the same, to rounding;
    - from then on the replay, or `_plainly` where the recording cannot stand for all runs, as `obstacle` then says;
    - where machine code can be made, and after so many replays that it is worth it, the same anew with that.

    How many these are is a matter of shapes alone, so that a training of more epochs begins as one of fewer does.

    Someone who sets an attribute of a component between runs makes it begin anew (`refresh`).

    Args:
        work: what is to be done, on tensors that stay where they are.
        components: gives all that may remember something from run to run.
        state: the attributes that carry something over, which phases of the same components share.
        device: where the tensors are.
        threads: with how many torch computes.
        capture: False to run plainly from the beginning.
    """

    def __init__(
        self,
        work: Callable[[], object],
        components: Callable[[], Sequence[Component]],
        state: list[Attribute],
        device: torch.device,
        threads: int,
        capture: bool = True,
    ) -> None:
        self.work, self.components, self.state = work, components, state
        self.device, self.threads = device, threads
        self.run: Callable[[], object] = self._first if capture else work
        self.program: Program | None = None
        self.obstacle: str | None = None
        self.beside: Gain | None = Gain()
        """That of the rest of a step, which is weighed too; None where it is not known."""
        self.generators: list[torch.Generator] = []
        """Those that it draws from, beside the default ones."""
        self.read_anew: set[tuple[int, str]] = set()
        """The places and names of attributes that may be others in each run."""
        self._results: list[Attribute] = []
        """What a replay makes of what a plain run would assign; the tensors are the replay's."""
        self._is_replayed = False
        self._tries = 0
        """How many checks have failed."""
        self._is_compiled = False
        """Whether machine code is made of what is recorded."""
        self._replays = 0
        """How many there were until then."""
        self._may_be_compiled = True
        self._copies: dict[tuple[int, torch.Size], Tensor] = {}
        """Memory for what large tensors were before a step, from the recording to the check: it is needed once."""
        self._settings: Settings | None = None
        """As they were when this was recorded."""

    def refresh(self) -> None:
        """Begin anew where someone has set an attribute of a component; to be called when others have had a turn."""
        if self.program is not None and (
            self._settings is None or self._settings.differ_from(self._present_settings())
        ):
            self.program = None
            self.run = self._first
            # Of what is set again and again the machine code would be other code each time.
            self._is_compiled, self._replays = False, 0

    def give_back(self) -> None:
        """Let components have what a replay made in their place; to be called before others have a turn."""
        for attribute in self._results if self._is_replayed else []:
            attribute.place[attribute.name] = attribute.tensor.clone()

    def explain(self) -> None:
        """Run plainly what a replay has failed at: a component says in its own words what it does not take."""
        if self._is_replayed:
            self.work()

    @property
    def is_graph(self) -> bool:
        """Whether a run is the replay of a CUDA graph, where it is on a GPU."""
        return self._is_replayed and self.program is not None and self.obstacle is None

    @property
    def stage(self) -> list[Any]:
        """How far it has come: what the next run is, how many checks have failed, what is in the way; whether it has
        machine code, after how many replays, beside what, and whether it may have any."""
        nexts = {"first": self._first, "record": self._record, "check": self._check, "plain": self._plainly}
        name = next((name for name, method in nexts.items() if self.run == method), "settled")
        beside = self.beside and [self.beside.saved, self.beside.products]
        return [name, self._tries, self.obstacle, self._is_compiled, self._replays, beside, self._may_be_compiled]

    def reach(self, stage: Sequence[Any], prepare: Callable[[], object] = lambda: None) -> None:
        """Come as far as another one did, in as many runs as it takes, each after `prepare()`.

        What the runs compute is of no use; but all is there then that is made at the first use.
        """

        def rehearse() -> None:
            prepare()
            self.run()

        name, tries, obstacle, self._is_compiled, self._replays, beside, self._may_be_compiled = stage
        self.beside = beside and Gain(*beside)
        if name == "first":
            return
        rehearse()
        if name == "plain":
            self._go_on_plainly(obstacle)
        while self.stage[0] not in (name, "plain", "settled"):
            rehearse()
        if name == "check":
            self._tries = tries

    def _first(self) -> None:
        self._is_replayed = False
        self._plainly()
        self.run = self._record

    def _plainly(self) -> None:
        self.work()
        carry_over(self.state)

    def _record(self) -> None:
        recorder = Recorder(self.device)
        components = self.components()
        remembered = Remembered(components)
        with recorder:
            self.work()
        obstacle = recorder.obstacle or remembered.obstacle()
        state, results = remembered.assigned(recorder)
        known = [(id(one.place), one.name) for one in self.state]
        self.state += [one for one in state if (id(one.place), one.name) not in known]
        moved = [one for one in self.state if one.assigned is not one.tensor]
        if {id(one.tensor) for one in moved} & {id(one.assigned) for one in moved}:
            obstacle = obstacle or f"tensors change places ('{moved[0].name}')"
        wanted = [recorder.kept(attribute.assigned) for attribute in results]
        for attribute in moved:
            recorder.copied(attribute.assigned, attribute.tensor)
        carry_over(self.state)
        if obstacle is None:
            try:
                operations = self._to_replay(recorder)
                self.program = Program(
                    operations, wanted, self.device, self.threads, compiled=self._is_compiled, beside=self.beside
                )
                places = map(self.program.tensor, wanted)
                self._results = [one._replace(tensor=tensor) for one, tensor in zip(results, places, strict=True)]
            except Exception as error:  # of an operation of a kind that nobody has thought of
                obstacle = f"{type(error).__name__}: {error}"
                if self._is_compiled:
                    self._go_on_without_machine_code(obstacle)
                    return
        if obstacle is not None:
            self._go_on_plainly(obstacle)
            return
        self.generators = recorder.generators
        self._tries = 0
        self._settle()
        self.run = self._check

    def _to_replay(self, recorder: Recorder) -> list[Operation]:
        """The operations that a replay is made of."""
        return recorder.operations

    def _check(self) -> None:
        """A replay and then a plain run from the same state, whose results stay: they are right in any case."""
        assert self.program is not None
        memory = self.program.written
        sums_before, draws = [sums(tensor) for tensor in memory], random_state(self.device, self.generators)
        before = list(map(self._copy_of, memory))
        failure: str | None = None
        try:
            self.program.run()
        except Exception as error:
            failure = f"a replay fails ({type(error).__name__}: {error})"
        replayed, draws_after = [sums(tensor) for tensor in memory], random_state(self.device, self.generators)
        for tensor, old in zip(memory, before, strict=True):
            tensor.copy_(old)
        set_random_state(self.device, self.generators, draws)
        self._plainly()
        plain = [sums(tensor) for tensor in memory]
        sizes = among_others(memory, list(map(self._size, plain, sums_before)))
        difference = max(map(disagreement, replayed, plain, sizes), default=0.0)
        if failure or not same(draws_after, random_state(self.device, self.generators)):
            difference = math.inf
        if difference <= 1:
            self._settle()
            self._copies.clear()
            self._is_replayed = True
            is_counted = self._may_be_compiled and self.program.runs_until_compiled is not None
            self.run = self._counted(self._replay()) if is_counted else self._replay()
            return
        self._tries += 1
        tolerance = max(torch.finfo(one.dtype).eps for one in memory if one.is_floating_point()) ** 0.5
        if self._tries == TRIES or difference * tolerance > A_LITTLE:
            if self._is_compiled:  # the calls gave the same
                self._go_on_without_machine_code(failure or "it gives other numbers than they do")
            else:
                self._go_on_plainly(failure or UNLIKE)

    def _copy_of(self, tensor: Tensor) -> Tensor:
        place = tensor.data_ptr(), tensor.shape
        if place not in self._copies:
            self._copies[place] = torch.empty_like(tensor)
        return self._copies[place].copy_(tensor)

    def _size(self, plain: Tensor, before: Tensor) -> Tensor:
        """What rounding is measured by, of a tensor that was something else before."""
        return plain.norm() if plain.is_floating_point() else plain

    def _replay(self) -> Callable[[], object]:
        """What runs the program from now on: on a GPU a CUDA graph of it."""
        assert self.program is not None
        if self.device.type != "cuda":
            return self.program.run
        if not self.program.is_on_device:
            self.obstacle = "it has to do with tensors on the CPU, and is no CUDA graph"
            return self.program.run
        try:
            return graph_of(self.program.run, self.device, self.generators).replay
        except RuntimeError as error:
            self.obstacle = f"it cannot be a CUDA graph ({str(error).splitlines()[0]})"
            return self.program.run

    def _counted(self, replay: Callable[[], object]) -> Callable[[], object]:
        """Replays, so many that machine code is worth what it takes to make; then it begins anew with that."""
        assert self.program is not None
        most = self.program.runs_until_compiled
        assert most is not None

        def run() -> None:
            if self._replays >= most:
                self.give_back()
                self._is_compiled = True
                self._first()
            else:
                self._replays += 1
                replay()

        return run

    def _settle(self) -> None:
        """Let go of what the plain run left in the components."""
        for component in self.components():
            forget_saved(component)
        self._settings = self._present_settings()

    def _present_settings(self) -> Settings:
        results = {(id(one.place), one.name) for one in self._results}
        return Settings(self.components(), results | self.read_anew)

    def _go_on_without_machine_code(self, reason: str) -> None:
        """Record once more, and replay calls as before."""
        log.warning("no machine code is made of a training step, which goes on as calls: %s", reason)
        self._is_compiled = self._may_be_compiled = False
        self.program, self.run = None, self._record

    def _go_on_plainly(self, obstacle: str) -> None:
        self.obstacle, self.program, self.run, self._results = obstacle, None, self._plainly, []
        self._copies.clear()
