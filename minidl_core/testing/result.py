"""What came of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minidl_core.errors import MinidlError

Outcome = Literal["passed", "failed", "skipped", "failed as expected", "passed unexpectedly"]


class CheckFailed(MinidlError, AssertionError):
    """A component does not do what a check asks of it."""


class Skipped(Exception):
    """A check does not apply to a component; the message says why."""


@dataclass(frozen=True)
class Result:
    """One check of one component, built in one way."""

    component: str
    """As a spec would build it."""
    check: str
    outcome: Outcome
    detail: str = ""
    """Why it failed or was skipped."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to correct."""
        return self.outcome not in ("failed", "passed unexpectedly")

    @property
    def ran(self) -> bool:
        """Whether anything was checked."""
        return self.outcome != "skipped"

    def __str__(self) -> str:
        return f"{self.outcome}: {self.component}: {self.check}{self.detail and ': '}{self.detail}"


def fails_unless(holds: bool, message: str) -> None:
    """Raise CheckFailed with the message where something does not hold."""
    if not holds:
        raise CheckFailed(message)
