"""What minidl adds to pytest: the mark of conformance checks, and a line that says how many ran.

pytest loads this in every session where minidl is installed, so it imports nothing heavy.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MARK = "conformance"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}: a check of minidl's conformance kit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many conformance checks ran, where there were any."""
    counts: Counter[str] = Counter()
    for outcome in ("passed", "failed", "xfailed", "skipped", "error"):
        for report in terminalreporter.getreports(outcome):
            if MARK in getattr(report, "keywords", ()) and (report.when == "call" or outcome != "passed"):
                counts[outcome] += 1
    if counts:
        words = {"passed": "passed", "failed": "failed", "xfailed": "failed as expected", "error": "with an error"}
        ran = sum(counts[outcome] for outcome in words)
        said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome])
        skipped = f"; {counts['skipped']} did not apply" if counts["skipped"] else ""
        checks = f"{ran} conformance check{'s' * (ran != 1)}"
        terminalreporter.write_line(f"minidl: {checks} ran: {said or 'none'}{skipped}")
