"""What of a table is to be read: which columns, as what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from minidl_core.data.splits import By
from minidl_core.errors import RequestError, require

Task = Literal["classification", "regression"]
TASKS: tuple[Task, ...] = ("classification", "regression")
STANDARD_INPUT = "-"
"""The path that stands for it."""
MISSING = ("median", "mean", "most_frequent", "drop")


@dataclass(frozen=True)
class Reading:
    """How a file becomes a table.

    Names of columns are one text or several; a text that is no column of the table is several with commas between.
    """

    target: str | Sequence[str] = ()
    """What is to be predicted: one column, or several of numbers."""
    task: Task | None = None
    """None decides by the target: numbers of which any has a point or an exponent are values, whole numbers and texts
    are classes."""
    features: str | Sequence[str] = ()
    """The columns to predict from; empty for all others."""
    drop: str | Sequence[str] = ()
    """Columns to leave out."""
    categorical: str | Sequence[str] = ()
    """Columns of numbers that are categories."""
    missing: str | None = None
    """What to do about missing cells of features: `drop` leaves their rows out, all else is done by `Preprocessing`;
    None refuses them."""
    weight: str | None = None
    """The column that says how much each row counts."""
    key: str | None = None
    """The column that rows are split by."""
    key_is: By = "chance"
    """What it says of each row: its part, its group or its moment; `chance` where there is none."""

    def __post_init__(self) -> None:
        require("task", self.task, self.task is None or self.task in TASKS, f"one of {', '.join(TASKS)}")
        known = self.missing is None or self.missing in MISSING
        require("missing", self.missing, known, f"one of {', '.join(MISSING)}")
        for name in ("target", "features", "drop", "categorical"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for name in ("weight", "key"):
            value = getattr(self, name)
            require(name, value, value is None or isinstance(value, str), "the name of a column")

    def texts(self) -> list[str]:
        """The columns whose cells are texts, whatever they look like: classes, categories, groups."""
        given = [*self.target, *self.categorical, *([] if self.key is None else [self.key])]
        return [*given, *(name.strip() for text in given for name in text.split(","))]


def _texts(name: str, given: Any) -> tuple[str, ...]:
    is_one = isinstance(given, str) or not isinstance(given, Iterable)
    texts = () if given is None else (given,) if is_one else tuple(given)
    if not all(isinstance(text, str) for text in texts):
        raise RequestError(f"{name} must be the name of a column, or several; got {given!r}")
    return texts


def names_in(given: str | Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns that are meant, each once: `a,b` is two where no column is called so."""
    names = [name for text in given for name in ([text] if text in columns else map(str.strip, text.split(",")))]
    return list(dict.fromkeys(names))
