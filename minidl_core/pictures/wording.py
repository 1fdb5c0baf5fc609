"""Names of columns and classes, which are anyone's text, as they stand in a picture."""

from __future__ import annotations

import unicodedata

DOTS = "…"


def label(text: str, width: int) -> str:
    """In one line, without characters that cannot be shown, and cut to so many characters; wide ones count as two."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    if width_of(shown) <= width:
        return shown
    while width_of(shown) > width - 1:
        shown = shown[:-1]
    return shown.rstrip() + DOTS


def width_of(text: str) -> int:
    """In characters of which each takes as much as a letter."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def count(number: int, one: str, many: str = "") -> str:
    """`1 row`, `2,000 rows`"""
    return f"1 {one}" if number == 1 else f"{number:,} {many or f'{one}s'}"
