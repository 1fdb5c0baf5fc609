"""What the columns of a table are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from minidl_core.errors import DataError
from minidl_core.nearest import did_you_mean

Kind = Literal["number", "boolean", "category"]
KINDS: tuple[Kind, ...] = ("number", "boolean", "category")
MANY = 50
"""Names, of which more are not told in full."""


@dataclass(frozen=True)
class Column:
    """A feature: in a table each row has a number of it, which is NaN where the cell is missing."""

    name: str
    kind: Kind = "number"
    """The number of a `boolean` is 0 or 1, that of a `category` its place in `categories`, -1 for one not there."""
    categories: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many inputs of a model it becomes."""
        return len(self.categories) if self.kind == "category" else 1


def numeric(*names: str) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(map(Column, names))


def columns_are(name: str, header: Sequence[str]) -> str:
    """What columns there are, and which of them `name` may have meant."""
    near = did_you_mean(name, header)
    return (f"{near} " if near.startswith("did") else "") + f"its columns: {quoted(header)}"


def quoted(names: Sequence[str]) -> str:
    """A list of names, `'a', 'b'`, in one line and not too long."""
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(f"'{' '.join(name.split())}'" for name in names[:MANY]) + more


def require_columns(where: str, header: Sequence[str], names: Sequence[str]) -> None:
    """Raise DataError where a table lacks some of these columns."""
    if lacking := [name for name in names if name not in header]:
        raise DataError(f"'{where}' lacks {quoted(lacking)}; {columns_are(lacking[0], header)}")


def require_different(name: str, columns: Sequence[str]) -> None:
    """Raise DataError where two columns have one name."""
    if repeated := [column for column, count in Counter(columns).items() if count > 1]:
        raise DataError(f"'{name}' has the column '{repeated[0]}' more than once; give each a name of its own")
