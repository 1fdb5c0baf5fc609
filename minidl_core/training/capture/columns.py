"""Activations by columns: the numbers of one feature, of all rows, lie one behind the other.

Then [x 1], which takes a bias into its product (`bias.py`), is x and a column of ones behind it, and x is made there:
nothing is copied. BLAS multiplies matrices of either order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import torch

from minidl_core.training.capture.blocks import BLOCK
from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.numpy_calls import is_small_product, takes_product
from minidl_core.training.capture.operations import Memory, Operation, Value, are_changed, replaced, transposed, uses_of

FEWEST_ROWS_OF_ROUNDS = 16
"""With fewer, NumPy's products of rounds that are not by rows take longer than the copies."""


def by_columns(operations: Sequence[Operation], wanted: Iterable[Value], threads: int) -> list[Operation]:
    """The same operations, where each x that is copied beside ones is made there, if all that goes with it can be.

    Args:
        wanted: values that are read after a run, which stay as they are.
        threads: with how many torch computes.
    """
    copies = [one for one in operations if _is_beside_ones(one)]
    together = [{value.memory for value in _arrays(one)} for one in operations]
    seen = {value.memory for value in wanted}
    places: dict[Memory, Value] = {}
    dropped: set[Operation] = set()
    for copy in copies:
        x = copy.args[1]
        alike = _connected(x.memory, together)
        uses = [one for one in operations if not alike.isdisjoint(_memories(one))]
        ours = [one for one in copies if one.args[1].memory in alike]
        if (
            alike.isdisjoint(seen)
            and all(_takes(one, x, alike, threads) for one in uses)
            and all(_is_made_once(one, operations) for one in ours)
        ):
            places |= _places(alike, ours, x)
            dropped |= set(ours)
        seen |= alike
    return [_relaid(one, places) for one in operations if one not in dropped]


def _is_beside_ones(copy: Operation) -> bool:
    """Whether it copies what the step makes to where a column of ones is beside it."""
    if copy.name != "copy_" or not copy.changes or not copy.changes[0].memory.is_ours:
        return False
    x = copy.args[1]
    return (
        x.memory.outside is None
        and x.is_contiguous
        and x.shape[-1] > 1
        and x.shape[-2] >= (2 if x.ndim == 2 else FEWEST_ROWS_OF_ROUNDS)
        and x.size < 2 * BLOCK  # more are done block by block
    )


def _arrays(operation: Operation) -> list[Value]:
    """What an operation treats number by number, so that one loop does it where the layouts are the same."""
    form = elementwise(operation)
    inputs = () if form is None else (*form.inputs, form.output)
    return [one for one in inputs if isinstance(one, Value) and one.shape]


def _connected(memory: Memory, together: Sequence[set[Memory]]) -> set[Memory]:
    """All that goes with a memory, directly or by way of others."""
    alike, known = {memory}, 0
    while len(alike) > known:
        known = len(alike)
        alike.update(*(one for one in together if not alike.isdisjoint(one)))
    return alike


def _memories(operation: Operation) -> set[Memory]:
    return {value.memory for value in (*operation.arguments, *operation.outputs)}


def _is_made_once(copy: Operation, operations: Sequence[Operation]) -> bool:
    """Whether nothing changes what is copied after it, and it is copied to no other place."""
    uses = uses_of(copy.args[1], operations)
    after = uses[uses.index(copy) + 1 :]
    return not are_changed([copy.args[1]], after) and not any(map(_is_beside_ones, after))


def _takes(operation: Operation, x: Value, alike: Collection[Memory], threads: int) -> bool:
    """Whether an operation is as fast, and gives the same, where what is like x is by columns."""
    values = (*operation.arguments, *operation.outputs)
    if arrays := _arrays(operation):
        arrays += [one for one in values if one.memory in alike]  # with what is a single number of them
        return all(one.memory.outside is None and one.is_contiguous and one.shape == x.shape for one in arrays)
    if operation.is_product and operation.outputs:
        (left, right), [output] = operation.args, operation.outputs
        ours = [one for one in values if one.memory in alike]
        return (
            is_small_product(left, right)
            and takes_product(left, right, output, threads)
            and all(one.is_contiguous and one.shape == x.shape for one in map(_by_rows, ours))
        )
    return _is_beside_ones(operation)


def _by_rows(value: Value) -> Value:
    """A value, or its transpose where that is contiguous and it is not."""
    return value if value.is_contiguous else transposed(value)


def _places(alike: Iterable[Memory], copies: Iterable[Operation], x: Value) -> dict[Memory, Value]:
    """Where memories lie by columns that now lie by rows: each in its own, or beside ones."""
    *rounds, rows, columns = x.shape

    def with_ones() -> Value:
        ones = torch.ones(columns + 1, *rounds, rows, dtype=x.dtype).movedim(0, -1)
        return Value.of(ones, Memory(ones, is_ours=True))

    stride = with_ones().stride
    places = {memory: Value(memory, x.dtype, x.shape, stride, 0) for memory in alike}
    for copy in copies:
        part, copied = copy.args
        places[part.memory] = places[copied.memory] = with_ones()
    return places


def _relaid(operation: Operation, places: dict[Memory, Value]) -> Operation:
    """An operation with its values where they now lie."""

    def relaid(value: Value) -> Value:
        place = places.get(value.memory)
        if place is None:
            return value
        *rounds, row, column = place.stride
        is_transposed = value.stride[-1] != 1
        return replace(
            value, memory=place.memory, stride=(*rounds, *((column, row) if is_transposed else (row, column)))
        )

    if places.keys().isdisjoint(_memories(operation)):
        return operation
    args, kwargs, outputs, changes = replaced(
        (operation.args, operation.kwargs, operation.outputs, operation.changes), Value, relaid
    )
    return replace(operation, args=args, kwargs=kwargs, outputs=outputs, changes=changes)
