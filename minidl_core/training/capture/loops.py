"""Neighbours on vectors as one loop of machine code, which reads and writes each vector once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from minidl_core.training.capture.elementwise import Elementwise
from minidl_core.training.capture.loop import Loop, can_be_in_loop
from minidl_core.training.capture.neighbours import neighbours
from minidl_core.training.capture.operations import Memory, Operation, Value

FEWEST_NUMBERS = 2**14
"""Of a vector, for which a loop is worth the some 20 ms that it takes to compile."""


def with_loops(operations: Sequence[Operation], wanted: Iterable[Value], short: bool) -> list[Operation]:
    """The same operations, where neighbours are one.

    Args:
        wanted: values that are read after a run.
        short: whether loops are made of short vectors and single numbers too, and of a single operation.
    """
    kept = {value.memory for value in wanted}
    if not short:
        return _loops_of(operations, kept, fewest_numbers=FEWEST_NUMBERS, fewest_together=2)
    # First of vectors: a single number between two would keep them from being neighbours.
    of_vectors = _loops_of(operations, kept, fewest_numbers=2, fewest_together=1)
    return _loops_of(of_vectors, kept, fewest_numbers=1, fewest_together=1)


def _loops_of(
    operations: Sequence[Operation], kept: set[Memory], fewest_numbers: int, fewest_together: int
) -> list[Operation]:
    """The same operations, where neighbours are one, if they treat so many numbers and are so many."""

    def may_be_in_loop(form: Elementwise) -> bool:
        return form.output.size >= fewest_numbers and can_be_in_loop(form)

    made: list[Operation] = []
    for together in neighbours(operations, may_be_in_loop):
        forms = {operation: form for operation, form in together if form is not None}
        if len(forms) >= fewest_together:
            others = [one for one in operations if one not in forms]
            needed = kept | {value.memory for one in others for value in (*one.arguments, *one.writes)}
            made.append(_loop(forms, needed))
        else:
            made += [operation for operation, _ in together]
    return made


def _loop(forms: Mapping[Operation, Elementwise], needed: Collection[Memory]) -> Loop:
    """Operations as one, which keeps what is needed elsewhere or lies in memory from outside."""
    made = {value.memory: value for one in forms for value in one.outputs}
    stored: dict[Memory, Value] = {}
    for form in forms.values():
        memory = form.output.memory
        if memory.outside is not None or memory in needed:
            stored.setdefault(memory, form.output)
    outputs = [made[memory] for memory in stored if memory in made]
    changes = [value for memory, value in stored.items() if memory not in made]
    return Loop(list(forms.values()), outputs, changes)
