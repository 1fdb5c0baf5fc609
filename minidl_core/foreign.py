"""Runs the code of plugins, which may do anything."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from minidl_core.errors import PluginError

LONGEST = 500
"""Of a message, in characters."""


@contextlib.contextmanager
def foreign_code(*passed_on: type[Exception]) -> Iterator[None]:
    """Run a plugin's code: whatever it raises becomes a PluginError, and what it prints does not mix with results.

    Args:
        passed_on: what is raised as it is.
    """
    through: tuple[type[BaseException], ...] = (KeyboardInterrupt, PluginError, *passed_on)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except through:
        raise
    except BaseException as error:  # SystemExit, pytest's Skipped and others are no Exception
        raise PluginError(in_one_line(error)) from error


def in_one_line(error: BaseException) -> str:
    """What an error says, with its type, in one line that is not too long."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # its own `__str__` may be broken too
        message = ""
    return line(f"{name}: {message}" if message.strip() else name)


def line(text: str) -> str:
    """A plugin's text in one line that is not too long."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def printable(text: str) -> str:
    """A plugin's text with an escape for each character that a terminal would obey instead of showing it."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
