"""Neighbours that treat the same long vectors number by number, as one loop that reads and writes each vector once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.loop import Loop, can_be_in_loop, numbers_of
from minidl_core.training.capture.operations import Memory, Operation, Value

FEWEST_NUMBERS = 2**14
"""Of a vector. A loop takes some 20 ms to compile, which few trainings would gain with fewer."""


def with_loops(operations: Sequence[Operation], wanted: Iterable[Value]) -> list[Operation]:
    """The same operations, where neighbours on vectors of the same length are one.

    An operation between them that has to do with none of them, such as one on single numbers, comes before them.

    Args:
        wanted: values that are read after a run.
    """
    kept = {value.memory for value in wanted}
    made: list[Operation] = []
    run: dict[Operation, Elementwise] = {}

    def close() -> None:
        if len(run) > 1:
            others = [one for one in operations if one not in run]
            made.append(_loop(run, kept | {memory for one in others for memory in _memories(one)}))
        else:
            made.extend(run)
        run.clear()

    for operation in operations:
        form = elementwise(operation)
        if form is not None and _is_on_long_vectors(form) and can_be_in_loop(form):
            if not _goes_with(form, run.values()):
                close()
            run[operation] = form
        else:
            if not _is_independent(operation, run):
                close()
            made.append(operation)
    close()
    return made


def _loop(run: dict[Operation, Elementwise], needed: Collection[Memory]) -> Operation:
    """Operations as one, which keeps what is needed elsewhere or lies in memory from outside."""
    made = {value.memory: value for one in run for value in one.outputs}
    stored: dict[Memory, Value] = {}
    for form in run.values():
        memory = form.output.memory
        if memory.outside is not None or memory in needed:
            stored.setdefault(memory, made.get(memory, form.output))
    outputs = [value for memory, value in stored.items() if memory in made]
    changes = [value for memory, value in stored.items() if memory not in made]
    return Loop(list(run.values()), outputs, changes)


def _is_on_long_vectors(form: Elementwise) -> bool:
    """Whether each number of the output is made of those at its own place, all of them one behind the other."""
    vectors = [form.output, *(one for one in form.values if one.shape)]
    alike = all(value.is_contiguous and value.shape == form.output.shape for value in vectors)
    return alike and form.output.size >= FEWEST_NUMBERS


def _goes_with(form: Elementwise, others: Iterable[Elementwise]) -> bool:
    """Whether it is on vectors as long, and what they share is the same numbers, at the same places."""
    values = [form.output, *form.values]
    return all(
        other.output.size == form.output.size
        and all(
            one.memory is not value.memory or numbers_of(one) == numbers_of(value)
            for one in (other.output, *other.values)
            for value in values
        )
        for other in others
    )


def _is_independent(operation: Operation, others: Collection[Operation]) -> bool:
    """Whether an operation may as well come before others."""
    written = {value.memory for other in others for value in other.writes}
    touched = {memory for other in others for memory in _memories(other)}
    reads = {value.memory for value in operation.arguments}
    return not reads & written and not {value.memory for value in operation.writes} & touched


def _memories(operation: Operation) -> set[Memory]:
    return {value.memory for value in (*operation.arguments, *operation.writes)}
