"""Fewer passes over long vectors: a scaled sum is one operation, where it was recorded as two or three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from minidl_core.training.capture.blocks import worth_blocks
from minidl_core.training.capture.elementwise import Elementwise, elementwise
from minidl_core.training.capture.operations import Operation, Value, are_changed, uses_of

OF_TWO = {"mul": (torch.addcmul, Tensor.addcmul_), "div": (torch.addcdiv, Tensor.addcdiv_)}
"""What adds a scaled product or quotient: into new memory, and in place."""


def with_fewer_passes(operations: Sequence[Operation], threads: int) -> list[Operation]:
    """The same, where vectors are so long that each pass counts more than a call.

    - a ± s x, with a number s, is `add(a, x, alpha=±s)`;
    - a ± s (x y) and a ± s (x / y) are `addcmul` and `addcdiv` with a value;
    - v = s v and then v = v + x is `add(x, v, alpha=s)`;
    - x / s is x (1 / s), which takes a fraction of the time.
    """
    kept = list(operations)
    for operation in operations:
        if operation in kept and worth_blocks(operation, threads):
            _with_scale(kept, operation)
    for operation in list(kept):
        if worth_blocks(operation, threads):
            _with_reciprocal(kept, operation)
    for operation in list(kept):
        if worth_blocks(operation, threads):
            _with_pair(kept, operation)
    for operation in list(kept):
        if worth_blocks(operation, threads):
            _with_scaled_self(kept, operation)
    return kept


def _with_scale(kept: list[Operation], total: Operation) -> None:
    """a ± t, where t = s x, as a ± s x."""
    form = elementwise(total)
    if form is None or form.name not in ("add", "sub") or form.keywords:
        return
    orders = [form.inputs] if form.name == "sub" else [form.inputs, form.inputs[::-1]]
    for a, t in orders:
        made = _made_for(t, total, kept)
        if made is None or not isinstance(a, Value) or made[1].name != "mul" or made[1].keywords:
            continue
        maker, (x, scale) = made[0], _vector_first(made[1])
        if _is_number(x) or not _is_number(scale):
            continue
        _replace(kept, maker, total, form, (a, x), (torch.add, Tensor.add_), "alpha", scale)
        return


def _with_reciprocal(kept: list[Operation], quotient: Operation) -> None:
    """x / s as x (1 / s)."""
    form = elementwise(quotient)
    if form is None or form.name != "div" or _is_number(form.inputs[0]) or not _is_number(form.inputs[1]):
        return
    (x, divisor), at = form.inputs, kept.index(quotient)
    if isinstance(divisor, Value):
        if divisor.dtype.itemsize < form.output.dtype.itemsize:
            return  # its inverse would be rounded more than the quotient
        inverse = Value.new(divisor.dtype, ())
        kept.insert(at, Operation(torch.reciprocal, (divisor,), {}, (inverse,)))
        divisor, at = inverse, at + 1
    elif divisor == 0:
        return
    else:
        divisor = 1 / divisor
    function = Tensor.mul_ if quotient.changes else torch.mul
    kept[at] = Operation(function, (x, divisor), {}, quotient.outputs, quotient.changes)


def _with_pair(kept: list[Operation], total: Operation) -> None:
    """a ± s t, where t = x y or x / y, in one."""
    form = elementwise(total)
    if form is None or form.name not in ("add", "sub") or (form.keywords and form.keywords.keys() != {"alpha"}):
        return
    is_commutative = form.name == "add" and not form.keywords
    for a, t in [form.inputs, form.inputs[::-1]] if is_commutative else [form.inputs]:
        made = _made_for(t, total, kept)
        if made is None or not isinstance(a, Value) or made[1].name not in OF_TWO or made[1].keywords:
            continue
        maker, of_two = made
        if any(map(_is_number, of_two.inputs)):
            continue
        scale = form.keywords.get("alpha", 1)
        _replace(kept, maker, total, form, (a, *of_two.inputs), OF_TWO[of_two.name], "value", scale)
        return


def _with_scaled_self(kept: list[Operation], total: Operation) -> None:
    """v = s v and then v = v + x in one."""
    form = elementwise(total)
    if form is None or form.name != "add" or form.keywords.get("alpha", 1) != 1 or not total.changes:
        return
    v, x = form.inputs
    at = kept.index(total)
    touching = [one for one in kept[:at] if one in uses_of(v, [one])]
    scaling = touching[-1] if touching else None
    scaled = elementwise(scaling) if scaling is not None else None
    if scaling is None or scaled is None or scaled.name != "mul" or not scaling.changes or x.memory is v.memory:
        return
    own, scale = scaled.inputs
    if own.place != v.place or not _is_number(scale):
        return
    kept[at] = Operation(torch.add, (x, v), {"alpha": scale}, (v,))
    kept.remove(scaling)


def _replace(
    kept: list[Operation],
    maker: Operation,
    total: Operation,
    form: Elementwise,
    inputs: tuple[Value, ...],
    functions: tuple[Any, Any],
    keyword: str,
    scale: Any,
) -> None:
    """Put one operation in the place of two."""
    kept.remove(maker)
    at = kept.index(total)
    if form.name == "sub" and isinstance(scale, Value):
        negative = Value.new(scale.dtype, ())
        kept.insert(at, Operation(torch.neg, (scale,), {}, (negative,)))
        scale, at = negative, at + 1
    elif form.name == "sub":
        scale = -scale
    in_place = bool(total.changes) and inputs[0].place == total.changes[0].place
    kept[at] = Operation(functions[in_place], inputs, {keyword: scale}, total.outputs, total.changes)
    if total.changes and not in_place:  # v = v + s x, written the other way round
        kept[at] = Operation(functions[0], inputs, {keyword: scale}, total.changes)


def _made_for(value: Any, user: Operation, operations: Sequence[Operation]) -> tuple[Operation, Elementwise] | None:
    """What makes a vector for this operation alone, and from what is as it was then; else None."""
    if not isinstance(value, Value) or value.memory.outside is not None:
        return None
    uses = uses_of(value, operations)
    if len(uses) != 2 or uses[1] is not user or [one.place for one in uses[0].outputs] != [value.place]:
        return None
    maker, times = uses[0], sum(one.memory is value.memory for one in user.arguments)
    form = elementwise(maker)
    between = operations[operations.index(maker) + 1 : operations.index(user)]
    if form is None or times != 1 or are_changed(maker.reads, between) or value.dtype != user.writes[0].dtype:
        return None
    alike = all(one.dtype == value.dtype and one.shape == value.shape for one in form.inputs if not _is_number(one))
    return (maker, form) if alike and value.shape == user.writes[0].shape else None


def _is_number(one: Any) -> bool:
    return not isinstance(one, Value) or not one.shape


def _vector_first(form: Elementwise) -> tuple[Any, Any]:
    first, second = form.inputs
    return (second, first) if _is_number(first) else (first, second)
