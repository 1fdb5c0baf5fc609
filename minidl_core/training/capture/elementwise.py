"""Operations that treat each number by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from minidl_core.training.capture.operations import Operation, Value

UFUNCS: dict[str, np.ufunc] = {
    "abs": np.absolute,
    "absolute": np.absolute,
    "add": np.add,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "div": np.divide,
    "eq": np.equal,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "lt": np.less,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "pow": np.power,
    "reciprocal": np.reciprocal,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "sub": np.subtract,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
"""By torch's name, where both give the same for every number, to rounding, NaN and infinities included."""

SCALED = {"add": "alpha", "sub": "alpha", "addcmul": "value", "addcdiv": "value"}
"""Functions that torch has in one, a scaled sum, and the name of the scale."""

COMPARISONS = {"eq", "ge", "gt", "le", "lt", "ne"}

_SAME = {
    "divide": "div", "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "multiply": "mul",
    "negative": "neg", "subtract": "sub", "true_divide": "div", "truediv": "div", "rdiv": "rtruediv",
}  # fmt: skip
_OTHER_WAY_ROUND = {"rsub": "sub", "rtruediv": "div", "rpow": "pow", "radd": "add", "rmul": "mul"}


class Elementwise(NamedTuple):
    """output = function(inputs), number by number, where shapes broadcast."""

    name: str
    inputs: tuple[Any, ...]
    """Values and numbers."""
    output: Value
    keywords: Mapping[str, Any] = MappingProxyType({})
    """What torch's function takes beside them: the scale of a sum."""


def elementwise(operation: Operation) -> Elementwise | None:
    """An operation as one that treats each number by itself, where it is one of those above; else None."""
    name, inputs, keywords = _plain_name(operation.name), operation.args, dict(operation.kwargs)
    written = operation.writes
    if len(written) != 1 or (operation.changes and written[0] is not inputs[0]):
        return None
    if name in SCALED and keywords.keys() == {SCALED[name]} and all(isinstance(one, Value) for one in inputs):
        return Elementwise(name, tuple(inputs), written[0], keywords)
    if name == "clamp" or name in ("clamp_min", "clamp_max"):
        bounds = dict(zip(("min", "max") if name != "clamp_max" else ("max",), inputs[1:], strict=False)) | keywords
        given = {key: bound for key, bound in bounds.items() if bound is not None}
        if len(given) != 1:
            return None
        [(key, bound)] = given.items()
        name, inputs, keywords = ("maximum" if key == "min" else "minimum"), (inputs[0], bound), {}
    if keywords:
        return None
    if name in _OTHER_WAY_ROUND and len(inputs) == 2:
        name, inputs = _OTHER_WAY_ROUND[name], (inputs[1], inputs[0])
    if name == "pow" and inputs[1:] == (2,):
        name, inputs = "square", inputs[:1]
    ufunc = UFUNCS.get(name)
    if ufunc is None or len(inputs) != ufunc.nin or not all(_is_number_or_value(one) for one in inputs):
        return None
    return Elementwise(name, tuple(inputs), written[0])


def _plain_name(name: str) -> str:
    """`mul` for `mul`, `mul_`, `multiply` and `__imul__`."""
    if name.startswith("__i") and name[3:-2] in ("add", "sub", "mul", "truediv", "pow"):
        name = name[3:-2]
    name = name.strip("_")
    return _SAME.get(name, name)


def _is_number_or_value(one: Any) -> bool:
    return isinstance(one, Value) or (isinstance(one, (int, float)) and not isinstance(one, bool))
