"""Operations that treat each number by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

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

OF_TORCH_ALONE = {"lerp": 3, "sign": 1, "where": 3}
"""What NumPy has not, or not with an output or for every number, and how many inputs it takes."""

BOUNDS = {"clamp": ("min", "max"), "clamp_min": ("min",), "clamp_max": ("max",)}
"""Functions that keep numbers within bounds, and which by place."""

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

    @property
    def values(self) -> list[Value]:
        """Those that it takes."""
        return [one for one in (*self.inputs, *self.keywords.values()) if isinstance(one, Value)]


def elementwise(operation: Operation) -> Elementwise | None:
    """An operation as one that treats each number by itself, where it is one of those above; else None."""
    name, keywords = _plain_name(operation.name), dict(operation.kwargs)
    written = operation.writes
    if len(written) != 1 or (operation.changes and written[0] is not operation.args[0]):
        return None
    inputs: tuple[Any, ...] = tuple(_as_number(one, written[0]) for one in operation.args)
    if name in UFUNCS and keywords == {"alpha": 1}:
        keywords = {}  # a plain sum, which NumPy has too
    is_scaled = name in SCALED and (keywords.keys() == {SCALED[name]} or (not keywords and name not in UFUNCS))
    if is_scaled and all(isinstance(one, Value) for one in inputs):
        return Elementwise(name, inputs, written[0], keywords)
    if name == "lerp" and len(inputs) == 3 and not keywords and not isinstance(inputs[2], Value):
        # As a number torch takes the weight sooner than as a tensor.
        return Elementwise(name, inputs[:2], written[0], {"weight": inputs[2]})
    if name in BOUNDS and keywords.keys() <= {"min", "max"}:
        given = dict(zip(BOUNDS[name], inputs[1:], strict=False)) | keywords
        given = {key: bound for key, bound in given.items() if bound is not None}
        if len(given) == 2 and not any(isinstance(bound, Value) for bound in given.values()):
            return Elementwise("clamp", inputs[:1], written[0], given)
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
    count = OF_TORCH_ALONE.get(name) if ufunc is None else ufunc.nin
    if count != len(inputs) or not all(_is_number_or_value(one) for one in inputs):
        return None
    return Elementwise(name, tuple(inputs), written[0])


def computed_type(form: Elementwise) -> torch.dtype | None:
    """The type that all its vectors have, but for truth values where they choose or are factors; None for several."""
    taken = form.inputs[1:] if form.name == "where" else (*form.inputs, *form.keywords.values())
    types = {one.dtype for one in taken if isinstance(one, Value) and one.shape}
    if form.name == "mul":
        types.discard(torch.bool)
    if form.name not in COMPARISONS:
        types.add(form.output.dtype)
    elif form.output.dtype != torch.bool:  # in place
        return None
    return types.pop() if len(types) == 1 else None


def _plain_name(name: str) -> str:
    """`mul` for `mul`, `mul_`, `multiply` and `__imul__`."""
    if name.startswith("__i") and name[3:-2] in ("add", "sub", "mul", "truediv", "pow"):
        name = name[3:-2]
    name = name.strip("_")
    return _SAME.get(name, name)


def _as_number(one: Any, output: Value) -> Any:
    """A tensor of one number for all of a larger one as what it is; where its type would count for more, as it was."""
    if not isinstance(one, Value) or not one.shape or one.size != 1 or output.size == 1:
        return one
    return replace(one, shape=(), stride=()) if one.dtype == output.dtype and one.ndim <= output.ndim else one


def _is_number_or_value(one: Any) -> bool:
    return isinstance(one, Value) or (isinstance(one, (int, float)) and not isinstance(one, bool))
