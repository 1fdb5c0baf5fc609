"""A loop over long vectors in LLVM's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from minidl_core.training.capture.elementwise import Elementwise, computed_type
from minidl_core.training.capture.instructions import FUNCTIONS, Builder, Number
from minidl_core.training.capture.neighbours import Stretch
from minidl_core.training.capture.openmp import THREAD, THREADS
from minidl_core.training.capture.operations import Value

Numbers = dict[Stretch, Number]
GRAIN = 64
"""A thread's part has a multiple of so many numbers, so that two threads seldom write into one line of the cache."""


def loop_code(
    forms: Sequence[Elementwise], read: Mapping[Stretch, Value], stored: Mapping[Stretch, Value], shared: bool
) -> str:
    """A function `share(arguments)`, which for w = w - lr g does

        number = *lr
        for index from first to end:
            w[index] = w[index] - number * g[index]

    where first to end are all numbers, or the part of the thread that calls it.

    Args:
        forms: what is done of each number, in order.
        read: what is needed from before, vectors and single numbers. The arguments are the places of these and of what
            is stored, each once, and how many numbers there are in all. No two of the places overlap.
        stored: the results that are needed afterwards.
        shared: whether it is OpenMP's threads that call it, each for its part.
    """
    from llvmlite import ir

    values = {**read, **stored}
    arguments = [*(ir.PointerType() for _ in values), ir.IntType(64), ir.IntType(64)]
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), arguments), "loop")
    function.linkage = "internal"
    *places, first, end = function.args
    for place in places:
        place.add_attribute("noalias")
    place_of = dict(zip(values, places, strict=True))
    before, body, after = (ir.IRBuilder(function.append_basic_block(name)) for name in ("before", "body", "after"))
    index = body.phi(ir.IntType(64))

    numbers: Numbers = {}
    for stretch, value in read.items():
        builder, at = (body, index) if value.shape else (before, index.type(0))
        numbers[stretch] = _loaded(builder, place_of[stretch], at, value.dtype)
    for form in forms:
        numbers[Stretch.of(form.output)] = _result(body, form, numbers)
    for stretch, value in stored.items():
        _store(body, numbers[stretch], place_of[stretch], index, value.dtype)

    following = body.add(index, index.type(1))
    body.cbranch(body.icmp_signed("<", following, end), body.block, after.block)
    index.add_incoming(first, before.block)
    index.add_incoming(following, body.block)
    before.branch(body.block)
    after.ret_void()
    _add_share(function, shared)
    return str(function.module)


def _add_share(loop: Any, shared: bool) -> None:
    """Of n numbers, thread t of T does those from first = t length to min(first + length, n), where
    length = 64 ⌈n / (64 T)⌉."""
    from llvmlite import ir

    int64, pointer = ir.IntType(64), ir.PointerType()
    share = ir.Function(loop.module, ir.FunctionType(ir.VoidType(), [pointer]), "share")
    builder = ir.IRBuilder(share.append_basic_block())

    def argument(position: int, kind: Any) -> Number:
        return builder.load(builder.gep(share.args[0], [int64(position)], source_etype=int64), typ=kind)

    def asked(name: str) -> Number:
        function = ir.Function(loop.module, ir.FunctionType(ir.IntType(32), []), name)
        return builder.sext(builder.call(function, []), int64)

    *places, _, _ = loop.args
    count = argument(len(places), int64)
    thread, threads = (asked(THREAD), asked(THREADS)) if shared else (int64(0), int64(1))
    blocks = builder.udiv(builder.add(count, int64(GRAIN - 1)), int64(GRAIN))
    of_each = builder.udiv(builder.add(blocks, builder.sub(threads, int64(1))), threads)
    length = builder.mul(of_each, int64(GRAIN))
    first = builder.mul(thread, length)
    end = builder.add(first, length)
    end = builder.select(builder.icmp_signed("<", end, count), end, count)
    with builder.if_then(builder.icmp_signed("<", first, end)):
        builder.call(loop, [*(argument(position, pointer) for position in range(len(places))), first, end])
    builder.ret_void()


def _result(builder: Builder, form: Elementwise, numbers: Numbers) -> Number:
    """What an operation makes of the numbers as they are by now."""
    computed = computed_type(form)
    assert computed is not None
    kind = _type(computed)

    def number(one: Any) -> Number:
        if not isinstance(one, Value):
            return kind(float(one))
        known = numbers[Stretch.of(one)]
        if one.dtype == computed:
            return known
        if one.dtype == torch.bool:
            return builder.uitofp(known, kind)
        return builder.fpext(known, kind) if computed == torch.float64 else builder.fptrunc(known, kind)

    masks, others = (form.inputs[:1], form.inputs[1:]) if form.name == "where" else ((), form.inputs)
    inputs = [*(numbers[Stretch.of(mask)] for mask in masks), *map(number, others)]
    return FUNCTIONS[form.name](builder, *inputs, **{name: number(one) for name, one in form.keywords.items()})


def _type(dtype: torch.dtype) -> Any:
    """As it lies in memory."""
    from llvmlite import ir

    return {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType(), torch.bool: ir.IntType(8)}[dtype]


def _loaded(builder: Builder, place: Number, index: Number, dtype: torch.dtype) -> Number:
    kind = _type(dtype)
    number = builder.load(builder.gep(place, [index], source_etype=kind), typ=kind)
    return builder.icmp_unsigned("!=", number, kind(0)) if dtype == torch.bool else number


def _store(builder: Builder, number: Number, place: Number, index: Number, dtype: torch.dtype) -> None:
    kind = _type(dtype)
    whole = builder.zext(number, kind) if dtype == torch.bool else number
    builder.store(whole, builder.gep(place, [index], source_etype=kind))
