"""What a loop can compute of each number: functions of torch as LLVM's instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# llvmlite has no types: what writes code, and a number in it.
Builder = Any
Number = Any


def _call(code: Builder, name: str, x: Number) -> Number:
    return code.call(code.module.declare_intrinsic(f"llvm.{name}", [x.type]), [x])


def _sum(code: Builder, x: Number, y: Number, alpha: Number | None = None) -> Number:
    return code.fadd(x, y if alpha is None else code.fmul(alpha, y))


def _difference(code: Builder, x: Number, y: Number, alpha: Number | None = None) -> Number:
    return code.fsub(x, y if alpha is None else code.fmul(alpha, y))


def _sum_of_product(code: Builder, a: Number, x: Number, y: Number, value: Number | None = None) -> Number:
    return code.fadd(a, code.fmul(x if value is None else code.fmul(value, x), y))


def _sum_of_quotient(code: Builder, a: Number, x: Number, y: Number, value: Number | None = None) -> Number:
    return code.fadd(a, code.fdiv(x if value is None else code.fmul(value, x), y))


def _interpolated(code: Builder, x: Number, y: Number, weight: Number) -> Number:
    """From the end that is nearer, so that it is met exactly."""
    way, rest = code.fsub(y, x), code.fsub(weight.type(1.0), weight)
    is_near = code.fcmp_ordered("<", _call(code, "fabs", weight), weight.type(0.5))
    return code.select(is_near, code.fadd(x, code.fmul(weight, way)), code.fsub(y, code.fmul(way, rest)))


def _extreme(code: Builder, than: str, x: Number, y: Number) -> Number:
    """x or y, and NaN where one of them is."""
    either = code.select(code.fcmp_unordered(than, x, y), x, y)
    return code.select(code.fcmp_unordered("uno", y, y), y, either)


def _clamped(code: Builder, x: Number, min: Number, max: Number) -> Number:
    return _extreme(code, "<", _extreme(code, ">", x, min), max)


def _sign(code: Builder, x: Number) -> Number:
    zero = x.type(0.0)
    above, below = (code.fcmp_ordered(than, x, zero) for than in (">", "<"))
    return code.fsub(code.uitofp(above, x.type), code.uitofp(below, x.type))


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": lambda code, x: _call(code, "fabs", x),
    "absolute": lambda code, x: _call(code, "fabs", x),
    "add": _sum,
    "addcdiv": _sum_of_quotient,
    "addcmul": _sum_of_product,
    "clamp": _clamped,
    "div": lambda code, x, y: code.fdiv(x, y),
    "eq": lambda code, x, y: code.fcmp_ordered("==", x, y),
    "ge": lambda code, x, y: code.fcmp_ordered(">=", x, y),
    "gt": lambda code, x, y: code.fcmp_ordered(">", x, y),
    "le": lambda code, x, y: code.fcmp_ordered("<=", x, y),
    "lerp": _interpolated,
    "lt": lambda code, x, y: code.fcmp_ordered("<", x, y),
    "maximum": lambda code, x, y: _extreme(code, ">", x, y),
    "minimum": lambda code, x, y: _extreme(code, "<", x, y),
    "mul": lambda code, x, y: code.fmul(x, y),
    "ne": lambda code, x, y: code.fcmp_unordered("!=", x, y),
    "neg": lambda code, x: code.fneg(x),
    "reciprocal": lambda code, x: code.fdiv(x.type(1.0), x),
    "sign": _sign,
    "sqrt": lambda code, x: _call(code, "sqrt", x),
    "square": lambda code, x: code.fmul(x, x),
    "sub": _difference,
    "where": lambda code, mask, x, y: code.select(mask, x, y),
}
"""What a processor has instructions for, by torch's name."""
