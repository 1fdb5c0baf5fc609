"""The syntax tree. `str` of a node is its canonical text; spans take no part in equality."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Where a node stands in its text: `text[start:end]`."""

    start: int
    end: int


NOWHERE = Span(0, 0)
"""The span of a node that was made from a component and not read from a text."""


def _span() -> Any:
    return field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Literal:
    """A number, a string, true, false or none."""

    value: int | float | str | bool | None
    span: Span = _span()

    def __eq__(self, other: object) -> bool:
        # By text and not by value, since to Python True is 1.
        return isinstance(other, Literal) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        if self.value is None or isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, str):
            return json.dumps(self.value, ensure_ascii=False)
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < 1e16:
            return str(int(self.value))
        return repr(self.value)


@dataclass(frozen=True)
class Hole:
    """`_`, the size that fits."""

    span: Span = _span()

    def __str__(self) -> str:
        return "_"


@dataclass(frozen=True)
class ListValue:
    """`[1, 2, 3]`"""

    values: tuple[Value, ...]
    span: Span = _span()

    def __str__(self) -> str:
        return f"[{','.join(map(str, self.values))}]"


@dataclass(frozen=True)
class Argument:
    """`value` or `name=value`"""

    name: str | None
    value: Value
    span: Span = _span()

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.name else str(self.value)


@dataclass(frozen=True)
class Call:
    """`name` or `name(arguments)`"""

    name: str
    arguments: tuple[Argument, ...] = ()
    span: Span = _span()
    name_span: Span = _span()

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.arguments))})" if self.arguments else self.name


@dataclass(frozen=True)
class Broken:
    """A place where nothing could be read; the problem has been noted."""

    span: Span = _span()

    def __str__(self) -> str:
        return "?"


@dataclass(frozen=True)
class Item:
    """`label:unit*repeat`"""

    unit: Call | Chain | Broken
    label: str | None = None
    repeat: int = 1
    span: Span = _span()

    def __str__(self) -> str:
        unit = f"({self.unit})" if isinstance(self.unit, Chain) else str(self.unit)
        return (f"{self.label}:" if self.label else "") + unit + (f"*{self.repeat}" if self.repeat != 1 else "")


@dataclass(frozen=True)
class Chain:
    """`item-item-item`"""

    items: tuple[Item, ...]
    span: Span = _span()

    def __str__(self) -> str:
        return "-".join(map(str, self.items))


Value = Literal | Hole | ListValue | Chain


def layer_count(chain: Chain) -> int:
    """How many layers a chain has once its repeats are written out, those in arguments of layers included."""
    return sum(item.repeat * _count_of_unit(item.unit) for item in chain.items)


def _count_of_unit(unit: Call | Chain | Broken) -> int:
    if isinstance(unit, Chain):
        return layer_count(unit)
    inner = unit.arguments if isinstance(unit, Call) else ()
    return 1 + sum(_count_of_value(argument.value) for argument in inner)


def _count_of_value(value: Value) -> int:
    if isinstance(value, ListValue):
        return sum(map(_count_of_value, value.values))
    return layer_count(value) if isinstance(value, Chain) else 0
