"""Which operations on long vectors may be done together: neighbours that treat the same numbers, one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch

from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.operations import Memory, Operation, Value

MOST_TOGETHER = 64
"""Operations. What more of them would gain is little, and a compiled function takes no more than 1024 vectors."""


class Stretch(NamedTuple):
    """Numbers that lie one behind the other: what contiguous values have in common that are the same, in any shape."""

    memory: Memory
    dtype: torch.dtype
    offset: int
    size: int

    @classmethod
    def of(cls, value: Value) -> Stretch:
        return cls(value.memory, value.dtype, value.offset, value.size)


def neighbours(
    operations: Sequence[Operation], belongs: Callable[[Elementwise], bool]
) -> list[list[tuple[Operation, Elementwise | None]]]:
    """All operations, in an order in which they may be done: those together that are neighbours, the others alone.

    An operation between neighbours that neither reads what they write nor writes what they touch, such as one on single
    numbers, comes before them.

    Args:
        belongs: whether an operation, whose vectors are of one length, is one of those that may have neighbours.
    """
    groups: list[list[tuple[Operation, Elementwise | None]]] = []
    together: dict[Operation, Elementwise | None] = {}
    size, stretches = 0, dict[Memory, Stretch | None]()  # None: several, which one operation alone may read

    def close() -> None:
        if together:
            groups.append(list(together.items()))
        together.clear()
        stretches.clear()

    for operation in operations:
        form = elementwise(operation)
        if form is not None and length(form) and belongs(form):
            touched = [Stretch.of(value) for value in (form.output, *form.values)]
            # What they share must be the same numbers: each is treated after those before it, and before those behind.
            shares_others = any(stretches.get(one.memory, one) != one for one in touched)
            if length(form) != size or shares_others or len(together) == MOST_TOGETHER:
                close()
            size = length(form)
            for one in touched:
                stretches[one.memory] = one if stretches.get(one.memory, one) == one else None
            together[operation] = form
        else:
            if not is_independent(operation, together):
                close()
            groups.append([(operation, None)])
    close()
    return groups


def length(form: Elementwise) -> int:
    """How many numbers are treated one by one, each with those at its own place in other vectors; else 0."""
    vectors = [form.output, *(one for one in form.values if one.shape)]
    alike = len({value.layout for value in vectors}) == 1 and form.output.is_dense
    return form.output.size if alike else 0


def is_independent(operation: Operation, others: Collection[Operation]) -> bool:
    """Whether an operation may as well come before others."""
    written = {value.memory for other in others for value in other.writes}
    touched = written | {value.memory for other in others for value in other.arguments}
    reads = {value.memory for value in operation.arguments}
    return not reads & written and not {value.memory for value in operation.writes} & touched
