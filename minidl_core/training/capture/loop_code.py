"""A loop over vectors of one length in LLVM's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from minidl_core.training.capture.code import (
    REGISTER,
    Builder,
    Function,
    Number,
    int64,
    is_float,
    kind_of,
    load,
    new_function,
    on,
    same,
    store,
    wide,
)
from minidl_core.training.capture.elementwise import Elementwise, computed_type
from minidl_core.training.capture.instructions import FUNCTIONS
from minidl_core.training.capture.operations import Value

Taken = int | str
"""Which of some numbers, counted from 0; or a number itself in hexadecimal, of which only the same ones are equal."""


class Form(NamedTuple):
    """numbers[output] = function(inputs)."""

    function: str
    inputs: tuple[Taken, ...]
    keywords: tuple[tuple[str, Taken], ...]
    output: int
    computed: torch.dtype

    @classmethod
    def of(cls, form: Elementwise, number: Callable[[Value], int]) -> Form:
        computed = computed_type(form)
        assert computed is not None

        def taken(one: Any) -> Taken:
            return number(one) if isinstance(one, Value) else float(one).hex()

        keywords = tuple((name, taken(one)) for name, one in form.keywords.items())
        return cls(form.name, tuple(map(taken, form.inputs)), keywords, number(form.output), computed)

    def result(self, code: Builder, numbers: Mapping[int, Number], width: int = 0) -> Number:
        """What it makes of numbers, or of vectors of so many."""

        def taken(one: Taken) -> Number:
            if isinstance(one, str):
                return same(kind_of(self.computed, width), float.fromhex(one))
            return _converted(code, wide(code, numbers[one], width), self.computed)

        chooses = self.function == "where"
        inputs = [wide(code, numbers[int(one)], width) for one in self.inputs[:chooses]]
        inputs += map(taken, self.inputs[chooses:])
        return FUNCTIONS[self.function](code, *inputs, **{name: taken(one) for name, one in self.keywords})


@dataclass(frozen=True)
class LoopCode:
    """What is done of each number of some vectors: for w = w - lr g

        number = *lr
        for index from first to end:
            w[index] = w[index] - number * g[index]

    Its vectors and single numbers are counted from 0.
    """

    size: int
    """Numbers of a vector."""
    types: tuple[torch.dtype, ...]
    singles: frozenset[int]
    """Which are single numbers."""
    read: tuple[int, ...]
    """What is needed from before."""
    stored: tuple[int, ...]
    """The results that are needed afterwards."""
    forms: tuple[Form, ...]
    """What is done of each number, in order."""

    @property
    def places(self) -> tuple[int, ...]:
        """What it is given the places of: what is read and what is stored, each once."""
        return tuple(dict.fromkeys(self.read + self.stored))

    def add(self, module: Any, name: str) -> Function:
        """A function `name(*places, first, end)`, which does a part of all numbers."""
        function, code = new_function(module, name, len(self.places), numbers=2)
        *given, first, end = function.args
        place_of = dict(zip(self.places, given, strict=True))
        before = {one: load(code, place_of[one], self.types[one]) for one in self.read if one in self.singles}

        def place_at(one: int, index: Number) -> Number:
            return on(code, place_of[one], index, kind_of(self.types[one]), 1)

        def body(index: Number, width: int) -> None:
            numbers = dict(before)
            for one in self.read:
                if one not in self.singles:
                    numbers[one] = load(code, place_at(one, index), self.types[one], width)
            for form in self.forms:
                numbers[form.output] = form.result(code, numbers, width)
            for one in self.stored:
                store(code, numbers[one], place_at(one, index), self.types[one])

        done = _while_fits(code, first, end, 2 * REGISTER // max(one.itemsize for one in self.types), body)
        _while_fits(code, done, end, 0, body)
        code.ret_void()
        return function


def _while_fits(code: Builder, first: Number, end: Number, width: int, body: Callable[[Number, int], None]) -> Number:
    """Do vectors of numbers as long as there are enough, or one number after the other; returns where it came to."""
    before, ahead, inside, after = code.block, *(code.append_basic_block() for _ in range(3))
    code.branch(ahead)
    code.position_at_end(ahead)
    index = code.phi(first.type)
    following = code.add(index, int64(width or 1))
    code.cbranch(code.icmp_signed("<=", following, end), inside, after)
    code.position_at_end(inside)
    body(index, width)
    index.add_incoming(first, before)
    index.add_incoming(following, code.block)
    code.branch(ahead)
    code.position_at_end(after)
    return index


def _converted(code: Builder, number: Number, dtype: torch.dtype) -> Number:
    """A number, or a vector, as one of a type of floating point; from truth values 1 and 0."""
    kind = kind_of(dtype, getattr(number.type, "count", 0))
    if number.type == kind:
        return number
    if not is_float(number.type):
        return code.uitofp(number, kind)
    return code.fpext(number, kind) if dtype == torch.float64 else code.fptrunc(number, kind)
