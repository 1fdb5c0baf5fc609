"""What machine code can compute of each number, or of vectors of them: functions of torch as LLVM's instructions."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from minidl_core.training.capture.code import Builder, Kind, Number, intrinsic, is_double, same, whole_kind


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
    way, rest = code.fsub(y, x), code.fsub(same(weight.type, 1.0), weight)
    is_near = code.fcmp_ordered("<", intrinsic(code, "fabs", weight), same(weight.type, 0.5))
    return code.select(is_near, code.fadd(x, code.fmul(weight, way)), code.fsub(y, code.fmul(way, rest)))


def _extreme(code: Builder, than: str, x: Number, y: Number) -> Number:
    """x or y, and NaN where one of them is."""
    either = code.select(code.fcmp_unordered(than, x, y), x, y)
    return code.select(code.fcmp_unordered("uno", y, y), y, either)


def _clamped(code: Builder, x: Number, min: Number, max: Number) -> Number:
    return _extreme(code, "<", _extreme(code, ">", x, min), max)


def _sign(code: Builder, x: Number) -> Number:
    zero = same(x.type, 0.0)
    above, below = (code.fcmp_ordered(than, x, zero) for than in (">", "<"))
    return code.fsub(code.uitofp(above, x.type), code.uitofp(below, x.type))


LN2 = Decimal("0.693147180559945309417232121458176568")


class _Exponential(NamedTuple):
    """eˣ = 2ⁿ eʳ with a whole number n and |r| ≤ ln 2 / 2, where eʳ - 1 is a Taylor polynomial.

    The way of Cody and Waite, Software Manual for the Elementary Functions (1980), chapter 6: ln 2 is taken in two
    parts, of which the first has so few digits that its product with n is exact.
    """

    digits: int
    """Of a number's fraction and of its exponent, in bits."""
    exponent: int
    terms: int
    """Of the polynomial: the next is less than rounding."""
    most: float
    """eˣ is 0 below its negative, and infinite above it."""
    one: float
    """tanh x is 1 above it."""

    @classmethod
    def of(cls, x: Number) -> _Exponential:
        return _DOUBLE if is_double(x.type) else _SINGLE

    @property
    def bias(self) -> int:
        """Of an exponent as it lies in memory."""
        return (1 << (self.exponent - 1)) - 1

    def exp(self, code: Builder, x: Number) -> Number:
        p, n = self._reduced(code, _at_most(code, x, self.most))
        # 2ⁿ may lie beyond the numbers where 2ⁿ eʳ does not.
        half = code.ashr(n, same(n.type, 1))
        result = code.fadd(p, same(p.type, 1.0))
        for part in (half, code.sub(n, half)):
            result = code.fmul(result, self._power_of_two(code, part, x.type))
        return result

    def tanh(self, code: Builder, x: Number) -> Number:
        """(e²ˣ - 1) / (e²ˣ + 1) of |x|, with the sign of x."""
        size = _at_most(code, intrinsic(code, "fabs", x), self.one)
        p, n = self._reduced(code, code.fadd(size, size))
        power = self._power_of_two(code, n, x.type)
        less_one = intrinsic(code, "fmuladd", power, p, code.fsub(power, same(x.type, 1.0)))
        ratio = code.fdiv(less_one, code.fadd(less_one, same(x.type, 2.0)))
        return intrinsic(code, "copysign", ratio, x)

    def _reduced(self, code: Builder, x: Number) -> tuple[Number, Number]:
        """eʳ - 1, and n, a whole number in as many bits."""
        kind = x.type
        scale = 2 ** (self.digits + 1 - self.exponent)
        ln2 = math.floor(LN2 * scale) / scale
        # So large a number has no digits behind the point: the last ones are n.
        large = 1.5 * 2**self.digits
        shifted = intrinsic(code, "fmuladd", x, same(kind, 1 / math.log(2)), same(kind, large))
        n = code.fsub(shifted, same(kind, large))
        r = x
        for part in (ln2, float(LN2 - Decimal(ln2))):
            r = intrinsic(code, "fmuladd", n, same(kind, -part), r)
        p = same(kind, 1 / math.factorial(self.terms))
        for k in range(self.terms - 1, 1, -1):
            p = intrinsic(code, "fmuladd", p, r, same(kind, 1 / math.factorial(k)))
        p = intrinsic(code, "fmuladd", code.fmul(r, r), p, r)
        whole = whole_kind(kind)
        zero = ((self.bias + self.digits) << self.digits) + (1 << (self.digits - 1))
        return p, code.sub(code.bitcast(shifted, whole), same(whole, zero))

    def _power_of_two(self, code: Builder, n: Number, kind: Kind) -> Number:
        exponent = code.add(n, same(n.type, self.bias))
        return code.bitcast(code.shl(exponent, same(n.type, self.digits)), kind)


_SINGLE = _Exponential(digits=23, exponent=8, terms=7, most=104.0, one=10.0)
_DOUBLE = _Exponential(digits=52, exponent=11, terms=13, most=746.0, one=20.0)


def _at_most(code: Builder, x: Number, most: float) -> Number:
    """x within ± most; NaN as it is."""
    for than, bound in ((">", most), ("<", -most)):
        limit = same(x.type, bound)
        x = code.select(code.fcmp_ordered(than, x, limit), limit, x)
    return x


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": lambda code, x: intrinsic(code, "fabs", x),
    "absolute": lambda code, x: intrinsic(code, "fabs", x),
    "add": _sum,
    "addcdiv": _sum_of_quotient,
    "addcmul": _sum_of_product,
    "clamp": _clamped,
    "div": lambda code, x, y: code.fdiv(x, y),
    "eq": lambda code, x, y: code.fcmp_ordered("==", x, y),
    "exp": lambda code, x: _Exponential.of(x).exp(code, x),
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
    "reciprocal": lambda code, x: code.fdiv(same(x.type, 1.0), x),
    "sign": _sign,
    "sqrt": lambda code, x: intrinsic(code, "sqrt", x),
    "square": lambda code, x: code.fmul(x, x),
    "sub": _difference,
    "tanh": lambda code, x: _Exponential.of(x).tanh(code, x),
    "where": lambda code, mask, x, y: code.select(mask, x, y),
}
"""What a processor has instructions for, or takes a few of, by torch's name."""
