"""Where the values of a step lie: memory that is never needed at the same time is shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidl_core.training.capture.blocks import Group
from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.loop import Loop
from minidl_core.training.capture.operations import Memory, Operation, Value

ALIGNMENT = 64
"""Bytes of a cache line."""


@dataclass(eq=False)
class _Place:
    """What one memory needs, or several that follow each other in one place."""

    first: int
    """The operation that makes it, and the last that touches it."""
    last: int
    size: int
    """Bytes."""
    group: Group | None
    """The only group that touches it, which then needs no more than one block of it at a time."""
    start: int = 0


class Layout:
    """One piece of memory for all that the operations make, and where in it each value lies.

    Two memories share a place where the last use of one is before the first of the other; or at it, where an operation
    treats each number by itself: then it writes over what it read.

    Args:
        groups: the operations, in order.
        kept: values that must outlive the run.
        device: of the memory.
    """

    def __init__(self, groups: Sequence[Group], kept: Iterable[Value], device: torch.device) -> None:
        self._places = _joined(groups, _places(groups, {value.memory for value in kept}))
        self.size = _arrange(list(dict.fromkeys(self._places.values())))
        """Bytes."""
        self._arena = torch.zeros(self.size, dtype=torch.uint8, device=device)
        self._tensors: dict[tuple[object, ...], Tensor] = {}

    def spoil(self) -> None:
        """Fill all of it with what is no number, so that what reads before anything was written is found."""
        self._arena.fill_(255)  # NaN in every type of floating point

    def tensor(self, value: Value) -> Tensor:
        """The tensor that a value is."""
        if value.place not in self._tensors:
            self._tensors[value.place] = self._made(value)
        return self._tensors[value.place]

    def _made(self, value: Value) -> Tensor:
        if value.memory.outside is not None:
            return value.tensor_outside()
        place = self._places[value.memory]
        whole = self._arena[place.start : place.start + place.size].view(value.dtype)
        return whole.as_strided(value.shape, value.stride, whole.storage_offset() + value.offset)

    def part(self, value: Value, block: slice) -> Tensor:
        """Some of a value's numbers, which lie one behind the other; a value of no shape as it is."""
        if not value.shape:
            return self.tensor(value)
        place = self._places.get(value.memory)
        if place is not None and place.group is not None:
            whole = self._arena[place.start : place.start + place.size].view(value.dtype)
            return whole[: block.stop - block.start]
        return self.tensor(value).as_strided((value.size,), (1,))[block]


def _places(groups: Sequence[Group], kept: set[Memory]) -> dict[Memory, _Place]:
    """What each memory needs that the operations make."""
    places: dict[Memory, _Place] = {}
    of_operation = [group for group in groups for _ in group.operations]
    for at, (group, operation) in enumerate(zip(of_operation, _operations(groups), strict=True)):
        for value in (*operation.outputs, *operation.arguments):
            if value.memory.outside is None:
                place = places.setdefault(value.memory, _Place(at, at, 0, group if group.length else None))
                place.last, place.size = at, max(place.size, value.end)
                place.group = group if place.group is group else None
    for memory, place in places.items():
        if memory in kept:
            place.last, place.group = len(of_operation), None
        if place.group is not None:
            place.size = place.size // place.group.length * place.group.block
        else:
            # A block leaves nothing free before the last block is done.
            while place.first > 0 and of_operation[place.first - 1] is of_operation[place.first]:
                place.first -= 1
            while place.last + 1 < len(of_operation) and of_operation[place.last + 1] is of_operation[place.last]:
                place.last += 1
    return places


def _joined(groups: Sequence[Group], places: dict[Memory, _Place]) -> dict[Memory, _Place]:
    """The same, where an operation on single numbers writes over an argument that nothing needs after it."""
    for at, operation in enumerate(_operations(groups)):
        if not isinstance(operation, Loop) and elementwise(operation) is None:
            continue
        changed = {value.memory for value in operation.changes}
        for output in operation.outputs:
            written = places.get(output.memory)
            for read in operation.arguments:
                place = None if read.memory in changed else places.get(read.memory)
                if (
                    written is not None
                    and place is not None
                    and place.last == at == written.first
                    and (place.size, place.group) == (written.size, written.group)
                    and all(_same_numbers(one, output) for one in operation.arguments if one.memory is read.memory)
                ):
                    place.last = written.last
                    places[output.memory] = place
                    break
    return places


def _operations(groups: Sequence[Group]) -> Iterator[Operation]:
    return (operation for group in groups for operation in group.operations)


def _same_numbers(read: Value, written: Value) -> bool:
    """Whether each number is written where the one was that it is made of."""
    return (read.dtype, read.shape, read.stride, read.offset) == (
        written.dtype,
        written.shape,
        written.stride,
        written.offset,
    )


def _arrange(places: Sequence[_Place]) -> int:
    """Give each place its start, the largest first, as low as is free in all its time. Returns the bytes of all."""
    arranged: list[_Place] = []
    for place in sorted(places, key=lambda place: (-place.size, place.first)):
        for other in sorted(arranged, key=lambda other: other.start):
            at_once = place.first <= other.last and other.first <= place.last
            if at_once and place.start < other.start + other.size and other.start < place.start + place.size:
                place.start = -(-(other.start + other.size) // ALIGNMENT) * ALIGNMENT
        arranged.append(place)
    return max((-(-(place.start + place.size) // ALIGNMENT) * ALIGNMENT for place in arranged), default=0)
