"""The registered name, column or option that someone probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 40
"""Names in a list of candidates."""

_LOOK_ALIKES = str.maketrans("01-", "ol_")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate closest to `name`, or None; 0 and O, 1 and l, and upper and lower case count as equal."""
    plain = {candidate.lower().translate(_LOOK_ALIKES): candidate for candidate in candidates}
    found = difflib.get_close_matches(name[:100].lower().translate(_LOOK_ALIKES), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean 'relu'?`, or every candidate where none is near."""
    candidates = list(candidates)
    near = nearest(name, candidates)
    if near is not None:
        return f"did you mean '{near}'?"
    return f"there are: {listed(candidates)}" if candidates else "there are none"


def listed(names: Iterable[str], most: int = MOST) -> str:
    """`a, b, c and 17 more`: the first few of many names."""
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
