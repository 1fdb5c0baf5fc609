"""What machine code is made of, in LLVM's language: numbers and vectors of them, where they lie, and loops.

LLVM's language comes with the package llvmlite, the extra `jit`, which has no types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

# What writes code; a number, or a vector of some, in it, and the type of one; a function.
Builder = Any
Number = Any
Kind = Any
Function = Any

REGISTER = 32
"""Bytes of a vector register. Where they are of another size LLVM makes the best of it."""


def kind_of(dtype: torch.dtype, width: int = 0) -> Kind:
    """A type as it lies in memory, or a vector of so many numbers of it."""
    from llvmlite import ir

    kind = {torch.float32: ir.FloatType(), torch.float64: ir.DoubleType(), torch.bool: ir.IntType(8)}[dtype]
    return ir.VectorType(kind, width) if width else kind


def int64(number: int) -> Number:
    from llvmlite import ir

    return ir.IntType(64)(number)


def int32(number: int | Sequence[int]) -> Number:
    """A number, or a vector of some."""
    from llvmlite import ir

    kind = ir.IntType(32)
    return kind(number) if isinstance(number, int) else ir.VectorType(kind, len(number))(number)


def same(kind: Kind, number: float) -> Number:
    """A number of a kind, or a vector of it many times over."""
    return kind([number] * kind.count) if hasattr(kind, "count") else kind(number)


def is_float(kind: Kind) -> bool:
    """Whether a type is of floating point, or a vector of one."""
    from llvmlite import ir

    return isinstance(getattr(kind, "element", kind), (ir.FloatType, ir.DoubleType))


def is_double(kind: Kind) -> bool:
    """Whether a type is float64, or a vector of it, and not float32."""
    from llvmlite import ir

    return bool(getattr(kind, "element", kind) == ir.DoubleType())


def whole_kind(kind: Kind) -> Kind:
    """The type of whole numbers of as many bits, or of vectors of as many."""
    from llvmlite import ir

    whole = ir.IntType(64 if is_double(kind) else 32)
    return ir.VectorType(whole, kind.count) if hasattr(kind, "count") else whole


def new_function(module: Any, name: str, places: int, numbers: int = 0) -> tuple[Function, Builder]:
    """A function of so many places in memory and so many whole numbers, and what writes it."""
    from llvmlite import ir

    arguments = [ir.PointerType()] * places + [ir.IntType(64)] * numbers
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    return function, ir.IRBuilder(function.append_basic_block())


def repeated(
    code: Builder,
    steps: range,
    body: Callable[[Number, Sequence[Number]], Sequence[Number]],
    carried: Sequence[Number] = (),
) -> Sequence[Number]:
    """`for index in steps: carried = body(index, carried)`, and what is carried in the end."""
    if len(steps) == 0:
        return carried
    if len(steps) == 1:
        return body(int64(steps[0]), carried)
    before, inside = code.block, code.append_basic_block()
    code.branch(inside)
    code.position_at_end(inside)
    start = int64(steps.start)
    index, *within = (code.phi(first.type) for first in (start, *carried))
    results = body(index, within)
    following = code.add(index, int64(steps.step))
    for phi, first, then in zip((index, *within), (start, *carried), (following, *results), strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, code.block)
    after = code.append_basic_block()
    code.cbranch(code.icmp_signed("<", following, int64(steps[-1] + 1)), inside, after)
    code.position_at_end(after)
    return results


def for_each(code: Builder, axes: Sequence[range], body: Callable[..., None]) -> None:
    """`for i in axes[0]: for j in axes[1]: ... body(i, j, ...)`."""
    first, *others = axes or [range(1)]

    def inner(index: Number, _: Sequence[Number]) -> Sequence[Number]:
        indices = (index,) if axes else ()
        if others:
            for_each(code, others, lambda *rest: body(*indices, *rest))
        else:
            body(*indices)
        return ()

    repeated(code, first, inner)


def on(code: Builder, place: Number, index: Number, kind: Kind, stride: int) -> Number:
    """The place so many strides on; a stride is in numbers of a kind."""
    from llvmlite import ir

    return code.gep(place, [index], source_etype=ir.ArrayType(kind, stride))


def load(code: Builder, place: Number, dtype: torch.dtype, width: int = 0) -> Number:
    """A number, or a vector of some that lie one behind the other; a truth value is one bit."""
    number = code.load(place, typ=kind_of(dtype, width), align=dtype.itemsize)
    return code.icmp_unsigned("!=", number, same(number.type, 0)) if dtype == torch.bool else number


def store(code: Builder, number: Number, place: Number, dtype: torch.dtype) -> None:
    """Store a number, or a vector one number behind the other."""
    whole = code.zext(number, kind_of(dtype, getattr(number.type, "count", 0))) if dtype == torch.bool else number
    code.store(whole, place, align=dtype.itemsize)


def wide(code: Builder, number: Number, width: int) -> Number:
    """A vector as it is, and a single number as a vector of it many times over; for a width of 0 as it is too."""
    from llvmlite import ir

    if not width or hasattr(number.type, "count"):
        return number
    undefined = ir.Constant(ir.VectorType(number.type, width), ir.Undefined)
    first = code.insert_element(undefined, number, int32(0))
    return code.shuffle_vector(first, undefined, int32([0] * width))


def intrinsic(
    code: Builder, name: str, *arguments: Number, result: Kind = None, fastmath: Iterable[str] = ()
) -> Number:
    """What a function that LLVM has gives of numbers or vectors, of the kind of the last.

    Args:
        result: the kind of what it gives, where it is another.
    """
    from llvmlite import ir

    kind = arguments[-1].type
    vector = f"v{kind.count}" if hasattr(kind, "count") else ""
    name = f"llvm.{name}.{vector}f{64 if is_double(kind) else 32}"
    called = ir.FunctionType(result or kind, [one.type for one in arguments])
    function = code.module.globals.get(name) or ir.Function(code.module, called, name)
    return code.call(function, arguments, fastmath=fastmath)


def sum_of(code: Builder, vector: Number, start: Number) -> Number:
    """A number and all those of a vector, added in whatever order is the fastest."""
    return intrinsic(code, "vector.reduce.fadd", start, vector, result=start.type, fastmath=("reassoc",))


def parts(count: int, most: int) -> list[range]:
    """Ranges of equal steps that have all of `count` in order: of `most`, of half of it for what is left, and so on."""
    found, start = [], 0
    while start < count:
        if count - start >= most:
            end = count - (count - start) % most
            found.append(range(start, end, most))
            start = end
        most = max(1, most // 2)
    return found
