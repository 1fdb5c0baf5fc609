"""What is wrong with a spec, shown under the text itself."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from minidl_core.errors import SpecError
from minidl_core.spec.syntax import Span

_WIDTH = 100
_MOST = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it stands, and what to do about it."""

    kind: str
    """`spec error`, `shape error`, or when it was seen."""
    message: str
    span: Span
    advice: str = ""


def spec_error(text: str, problems: list[Problem]) -> SpecError:
    """All problems of one text, in their order there, each with its line and a caret."""
    problems = sorted(dict.fromkeys(problems), key=lambda problem: problem.span)
    shown = [rendered(text, problem) for problem in problems[:_MOST]]
    if len(problems) > _MOST:
        shown.append(f"and {len(problems) - _MOST} more")
    return SpecError("\n".join(shown), problems)


def rendered(text: str, problem: Problem) -> str:
    """The problem, the line of the text that it is about, and carets beneath with the advice."""
    start = min(problem.span.start, len(text))
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    end = min(max(problem.span.end, start + 1), max(line_end, start + 1))

    left = max(line_start, min(start - _WIDTH // 4, line_end - _WIDTH))
    right = min(line_end, left + _WIDTH)
    lead, tail = ("…" if left > line_start else ""), ("…" if right < line_end else "")
    line = _printable(text[left:right])
    before = " " * _columns(lead + _printable(text[left:start]))
    carets = "^" * max(1, _columns(_printable(text[start : min(end, right)])))
    place = f" (line {text.count(chr(10), 0, start) + 1})" if "\n" in text.strip() else ""
    advice = f"  {_printable(problem.advice)}" if problem.advice else ""
    return f"{problem.kind}: {_printable(problem.message)}{place}\n  {lead}{line}{tail}\n  {before}{carets}{advice}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)
