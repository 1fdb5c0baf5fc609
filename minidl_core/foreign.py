"""Runs the code of plugins, which may do anything."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from minidl_core.errors import PluginError

LONGEST = 500
"""Of a message, in characters."""


@contextlib.contextmanager
def foreign_code() -> Iterator[None]:
    """Run a plugin's code: whatever it raises becomes a PluginError, and what it prints does not mix with results."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:  # SystemExit, pytest's Skipped and others are no Exception
        raise PluginError(in_one_line(error)) from error


def in_one_line(error: BaseException) -> str:
    """What an error says, with its type, in one line that is not too long."""
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except Exception:  # its own `__str__` may be broken too
        return name
    text = f"{name}: {message}" if message else name
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
