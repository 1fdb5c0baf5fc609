"""Which operations on long vectors may be done together: neighbours that treat the same numbers, one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.operations import Memory, Operation, Value

Numbers = tuple[Memory, object, int, int]


def neighbours(operations: Sequence[Operation], belongs: Callable[[Elementwise], bool]) -> list[list[Operation]]:
    """All operations, in an order in which they may be done: those together that are neighbours, the others alone.

    An operation between neighbours that has to do with none of them, such as one on single numbers, comes before them.

    Args:
        belongs: whether an operation, whose vectors are of one length, is one of those that may have neighbours.
    """
    runs: list[list[Operation]] = []
    run: dict[Operation, Elementwise] = {}

    def close() -> None:
        if run:
            runs.append(list(run))
            run.clear()

    for operation in operations:
        form = elementwise(operation)
        if form is not None and length(form) and belongs(form):
            if not _goes_with(form, run.values()):
                close()
            run[operation] = form
        else:
            if not _is_independent(operation, run):
                close()
            runs.append([operation])
    close()
    return runs


def length(form: Elementwise) -> int:
    """How many numbers are treated one by one, each with those at its own place in other vectors; else 0."""
    vectors = [form.output, *(one for one in form.values if one.shape)]
    alike = all(value.is_contiguous and value.shape == form.output.shape for value in vectors)
    return form.output.size if alike else 0


def numbers_of(value: Value) -> Numbers:
    """What contiguous values have in common that are the same numbers, in whatever shape."""
    return value.memory, value.dtype, value.offset, value.size


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
    touched = written | {value.memory for other in others for value in other.arguments}
    reads = {value.memory for value in operation.arguments}
    return not reads & written and not {value.memory for value in operation.writes} & touched
