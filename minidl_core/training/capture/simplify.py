"""Fewer operations with the same effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from minidl_core.training.capture.operations import Memory, Operation, Value, are_changed, uses_of


def without_dead(operations: Sequence[Operation], wanted: Iterable[Value]) -> list[Operation]:
    """Those whose result something needs: a wanted value, memory from outside, or one of the others.

    What draws random numbers stays, so that all that is drawn after it is the same.
    """
    needed = {value.memory for value in wanted}
    kept: list[Operation] = []
    for operation in reversed(operations):
        written = [value.memory for value in operation.writes]
        if not operation.draws and not any(memory.outside is not None or memory in needed for memory in written):
            continue
        needed -= {value.memory for value in operation.outputs}
        needed |= {value.memory for value in (*operation.reads, *operation.changes)}
        kept.append(operation)
    return kept[::-1]


def with_results_in_place(operations: Sequence[Operation]) -> list[Operation]:
    """Without copies of a fresh result into another place, such as a gradient: it is made there."""
    kept = list(operations)
    for copy in operations:
        if copy.name == "copy_" and len(copy.args) == 2 and isinstance(copy.args[1], Value):
            target, source = copy.args
            at = kept.index(copy)
            maker = _maker_for(source, target, kept, at)
            if maker is not None:
                kept[maker] = kept[maker].with_output(target)
                del kept[at]
    return kept


def _maker_for(source: Value, target: Value, operations: list[Operation], copy: int) -> int | None:
    """Which operation may make `source` in the place of `target`, where the one at `copy` moves it; None for none."""
    if target.memory.outside is None:  # of which it might be a part, and the rest would seem to be made too
        return None
    if source.memory.outside is not None:  # others may read it after the step
        return None
    alike = source.shape == target.shape and source.dtype == target.dtype and source.is_contiguous
    makers = [i for i in range(copy) if any(source.place == output.place for output in operations[i].outputs)]
    if not alike or len(makers) != 1 or len(operations[makers[0]].outputs) != 1:
        return None
    [maker] = makers
    between = [*operations[maker].arguments, *_touched(operations[maker + 1 : copy])]
    needed_elsewhere = _touched([*operations[maker + 1 : copy], *operations[copy + 1 :]])
    if any(value.memory is target.memory for value in between):
        return None
    return None if any(value.memory is source.memory for value in needed_elsewhere) else maker


def _touched(operations: Iterable[Operation]) -> list[Value]:
    return [value for operation in operations for value in (*operation.arguments, *operation.outputs)]


def with_factors_joined(operations: Sequence[Operation]) -> list[Operation]:
    """With one product where there were two by numbers: x * 2 * 0.1 as x * 0.2."""
    kept = list(operations)
    for second in operations:
        first = _only_maker_of_factor(second, kept)
        if first is not None:
            x, factor = first.args
            joined = replace(second, args=(x, factor * second.args[1]))
            kept[kept.index(second)] = joined
            kept.remove(first)
    return kept


def _only_maker_of_factor(second: Operation, operations: Sequence[Operation]) -> Operation | None:
    """The operation that makes x * 2 for x * 2 * 0.1, and for nothing else."""
    if not _is_scaling(second):
        return None
    uses = uses_of(second.args[0], operations)
    if len(uses) != 2 or uses[1] is not second or not _is_scaling(uses[0]):
        return None
    [made] = uses[0].outputs
    between = operations[operations.index(uses[0]) : operations.index(second)]
    if are_changed(uses[0].reads, between):
        return None
    return uses[0] if made.place == second.args[0].place and made.dtype == second.outputs[0].dtype else None


def _is_scaling(operation: Operation) -> bool:
    """Whether it is a product of a tensor of floating point and a number."""
    return (
        operation.name == "mul"
        and len(operation.args) == 2
        and isinstance(operation.args[0], Value)
        and isinstance(operation.args[1], (int, float))
        and operation.args[0].dtype.is_floating_point
        and bool(operation.outputs)
    )


def constants(operations: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
    """Those that make the same numbers in each run, which are run once; and the others."""
    changed = {value.memory for operation in operations for value in operation.changes}
    constant: set[Memory] = set()
    once, always = [], []
    for operation in operations:
        made = {value.memory for value in operation.outputs}
        depends = {value.memory for value in operation.reads} - constant
        if (
            made
            and not depends
            and not operation.draws
            and not operation.changes
            and not made & changed
            and all(memory.outside is None for memory in made)
        ):
            constant |= made
            once.append(operation)
        else:
            always.append(operation)
    return once, always
