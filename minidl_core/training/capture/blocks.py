"""Neighbours on long vectors done block by block, so that what lies between them never leaves the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.neighbours import length, neighbours
from minidl_core.training.capture.operations import Operation

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
    """All operations; neighbours on long vectors in one group."""

    def is_long(form: Elementwise) -> bool:
        return form.output.size >= _fewest(threads)

    groups = []
    for together in neighbours(operations, is_long):
        members = tuple(operation for operation, _ in together)
        if len(members) == 1:
            groups.append(Group(members))
        else:
            size = members[0].writes[0].size
            groups.append(Group(members, size, max(BLOCK * threads, -(-size // MOST_BLOCKS))))
    return groups


def worth_blocks(operation: Operation, threads: int) -> bool:
    """Whether it treats numbers one by one, and so many that to read and write them counts for more than a call."""
    form = elementwise(operation)
    return form is not None and length(form) >= _fewest(threads)


def _fewest(threads: int) -> int:
    return 2 * BLOCK * threads
