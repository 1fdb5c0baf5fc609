"""Runs of operations on long vectors, done block by block, so that what lies between them never leaves the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.operations import Operation, Value

BLOCK = 2**18
"""Numbers of a block for each thread, 1 MB of float32: the few vectors that an operation touches lie in a cache that a
core shares with few others, and Python's part is small beside the arithmetic."""
MOST_BLOCKS = 2**10


@dataclass(frozen=True, eq=False)
class Group:
    """Operations that are done one after the other, on all of their numbers or block by block."""

    operations: tuple[Operation, ...]
    length: int = 0
    """How many numbers each operation treats, one by one; 0 where it is a single operation of any kind."""
    block: int = 0
    """How many at a time."""

    def blocks(self) -> Iterator[slice]:
        for start in range(0, self.length, self.block):
            yield slice(start, min(start + self.block, self.length))


def grouped(operations: Sequence[Operation], threads: int) -> list[Group]:
    """All operations; neighbours that treat the same long vectors number by number in one group.

    An operation between them that has to do with none of them, such as one on single numbers, comes before them.
    """
    groups: list[Group] = []
    run: list[Operation] = []

    def close() -> None:
        if len(run) > 1:
            length = _length(run[0])
            groups.append(Group(tuple(run), length, max(BLOCK * threads, -(-length // MOST_BLOCKS))))
        else:
            groups.extend(Group((operation,)) for operation in run)
        run.clear()

    for operation in operations:
        length = _length(operation)
        if worth_blocks(operation, threads):
            if run and length != _length(run[0]):
                close()
            run.append(operation)
        else:
            if not _is_independent(operation, run):
                close()
            groups.append(Group((operation,)))
    close()
    return groups


def worth_blocks(operation: Operation, threads: int) -> bool:
    """Whether it treats numbers one by one, and so many that to read and write them counts for more than a call."""
    return _length(operation) >= 2 * BLOCK * threads


def _is_independent(operation: Operation, others: Sequence[Operation]) -> bool:
    """Whether an operation may as well come before others."""
    written = {value.memory for other in others for value in other.writes}
    touched = written | {value.memory for other in others for value in other.arguments}
    reads = {value.memory for value in operation.arguments}
    return not reads & written and not {value.memory for value in operation.writes} & touched


def _length(operation: Operation) -> int:
    """How many numbers an operation treats one by one, each with those at its own place in the arguments; else 0."""
    form = elementwise(operation)
    if form is None:
        return 0
    values = [form.output, *(one for one in form.inputs if isinstance(one, Value) and one.shape)]
    alike = all(value.is_contiguous and value.shape == form.output.shape for value in values)
    return form.output.size if alike else 0
