"""Neighbours on long vectors as one loop of machine code, which reads and writes each vector once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.loop import Loop, can_be_in_loop
from minidl_core.training.capture.neighbours import neighbours
from minidl_core.training.capture.operations import Memory, Operation, Value

FEWEST_NUMBERS = 2**14
"""Of a vector. A loop takes some 20 ms to compile, which few trainings would gain with fewer."""


def with_loops(operations: Sequence[Operation], wanted: Iterable[Value]) -> list[Operation]:
    """The same operations, where neighbours are one.

    Args:
        wanted: values that are read after a run.
    """
    kept = {value.memory for value in wanted}
    made: list[Operation] = []
    for run in neighbours(operations, _may_be_in_loop):
        if len(run) == 1:
            made += run
        else:
            others = [one for one in operations if one not in run]
            made.append(_loop(run, kept | {value.memory for one in others for value in (*one.arguments, *one.writes)}))
    return made


def _may_be_in_loop(form: Elementwise) -> bool:
    return form.output.size >= FEWEST_NUMBERS and can_be_in_loop(form)


def _loop(run: Sequence[Operation], needed: Collection[Memory]) -> Loop:
    """Operations as one, which keeps what is needed elsewhere or lies in memory from outside."""
    forms = [form for form in map(elementwise, run) if form is not None]
    made = {value.memory: value for one in run for value in one.outputs}
    stored: dict[Memory, Value] = {}
    for form in forms:
        memory = form.output.memory
        if memory.outside is not None or memory in needed:
            stored.setdefault(memory, form.output)
    outputs = [made[memory] for memory in stored if memory in made]
    changes = [value for memory, value in stored.items() if memory not in made]
    return Loop(forms, outputs, changes)
