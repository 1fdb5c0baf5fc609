"""A loop over long vectors, which stands for several operations: each vector is read and written once."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from minidl_core.training.capture.elementwise import COMPARISONS, Elementwise
from minidl_core.training.capture.instructions import FUNCTIONS, Code
from minidl_core.training.capture.machine_code import compiled, side_by_side
from minidl_core.training.capture.neighbours import Numbers, numbers_of
from minidl_core.training.capture.numpy_calls import FLOATS
from minidl_core.training.capture.operations import Call, Operation, Value

NUMBERS_FOR_A_THREAD = 2**17
"""For fewer, a thread of its own costs more than it gains."""
CACHE_LINE = 64
"""Bytes. A thread's part has a multiple of so many numbers, so that no two threads write into one line."""


def can_be_in_loop(form: Elementwise) -> bool:
    """Whether a loop has the function, and computes with one type as torch does."""
    numbers = {one.dtype for one in form.values if not one.shape}
    return form.name in FUNCTIONS and len(_computed(form)) == 1 and _computed(form) | numbers <= FLOATS.keys()


def _computed(form: Elementwise) -> set[torch.dtype]:
    """The types of its vectors, but for truth values where they may be."""
    takes_masks: tuple[Any, ...] = {"where": form.inputs[:1], "mul": form.inputs}.get(form.name, ())
    masks = [one for one in takes_masks if isinstance(one, Value) and one.shape and one.dtype == torch.bool]
    vectors = {one.dtype for one in form.values if one.shape and one not in masks}
    return vectors if form.name in COMPARISONS else vectors | {form.output.dtype}


class Loop(Operation):
    """What several operations compute, for each number.

    Args:
        forms: what is done, in order, on vectors of one length.
        outputs: those of the results that are needed after it, and are made by it.
        changes: those that were there before.
    """

    def __init__(self, forms: Sequence[Elementwise], outputs: Sequence[Value], changes: Sequence[Value]) -> None:
        self.forms = forms
        self.stored = {numbers_of(value): value for value in (*outputs, *changes)}
        self.read: dict[Numbers, Value] = {}
        """What it needs from before it: vectors and single numbers."""
        made: set[Numbers] = set()
        for form in forms:
            self.read |= {numbers_of(one): one for one in form.values if numbers_of(one) not in made}
            made.add(numbers_of(form.output))
        others = [value for numbers, value in self.read.items() if numbers not in self.stored]
        super().__init__(self.calls, (*changes, *others), {}, tuple(outputs), tuple(changes))
        self.name = "loop"

    def calls(self, tensor: Callable[[Value], Tensor], threads: int) -> list[Call]:
        """What computes it, on as many threads as are of use."""
        values = list((self.read | self.stored).values())
        function = compiled(self._code(), len(values))
        size = self.forms[0].output.size
        parts = max(1, min(threads, size // NUMBERS_FOR_A_THREAD))
        length = -(-size // parts // CACHE_LINE) * CACHE_LINE
        calls: list[Call] = []
        for start in range(0, size, length):
            places = [tensor(one).data_ptr() + (start * one.dtype.itemsize if one.shape else 0) for one in values]
            count = ctypes.c_int64(min(length, size - start))
            calls.append(functools.partial(function, *map(ctypes.c_void_p, places), count))
        return calls if len(calls) == 1 else [functools.partial(side_by_side, calls)]

    def _code(self) -> str:
        """In LLVM's language: a function of where each vector begins, where each number is, and of how many to do."""
        from llvmlite import ir

        values = self.read | self.stored
        arguments = [*(ir.PointerType() for _ in values), ir.IntType(64)]
        function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), arguments), "loop")
        *places, count = function.args
        for place in places:
            place.add_attribute("noalias")
        blocks = [function.append_basic_block(name) for name in ("before", "body", "after")]
        before, body, after = map(ir.IRBuilder, blocks)
        at = body.phi(ir.IntType(64))
        place_of = dict(zip(values, places, strict=True))

        now: dict[Numbers, Code] = {}
        for numbers, value in self.read.items():
            code, index = (body, at) if value.shape else (before, at.type(0))
            now[numbers] = _loaded(code, place_of[numbers], index, value.dtype)
        for form in self.forms:
            now[numbers_of(form.output)] = _result(body, form, now)
        for numbers, value in self.stored.items():
            _store(body, now[numbers], place_of[numbers], at, value.dtype)

        following = body.add(at, at.type(1))
        body.cbranch(body.icmp_signed("<", following, count), body.block, after.block)
        at.add_incoming(at.type(0), before.block)
        at.add_incoming(following, body.block)
        before.branch(body.block)
        after.ret_void()
        return str(function.module)


def _type(dtype: torch.dtype) -> Any:
    from llvmlite import ir

    return {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType(), torch.bool: ir.IntType(8)}[dtype]


def _loaded(code: Code, place: Code, index: Code, dtype: torch.dtype) -> Code:
    kind = _type(dtype)
    number = code.load(code.gep(place, [index], source_etype=kind), typ=kind)
    return code.icmp_unsigned("!=", number, kind(0)) if dtype == torch.bool else number


def _store(code: Code, number: Code, place: Code, index: Code, dtype: torch.dtype) -> None:
    kind = _type(dtype)
    whole = code.zext(number, kind) if dtype == torch.bool else number
    code.store(whole, code.gep(place, [index], source_etype=kind))


def _result(code: Code, form: Elementwise, now: dict[Numbers, Code]) -> Code:
    """What an operation makes of the numbers as they are by now."""
    [computed] = _computed(form)
    kind = _type(computed)

    def number(one: Any) -> Code:
        if not isinstance(one, Value):
            return kind(float(one))
        known = now[numbers_of(one)]
        if one.dtype == torch.bool:
            return known if form.name == "where" else code.uitofp(known, kind)
        if one.dtype == computed:
            return known
        return code.fpext(known, kind) if computed == torch.float64 else code.fptrunc(known, kind)

    keywords = {name: number(one) for name, one in form.keywords.items()}
    return FUNCTIONS[form.name](code, *map(number, form.inputs), **keywords)
