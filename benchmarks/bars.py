"""What minidl wants to reach: how many times as fast as a peer, on one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.peers import EAGER, JAX, SKLEARN
from benchmarks.workloads import DIGITS, LARGE, MEDIUM

if TYPE_CHECKING:
    from benchmarks.results import Results


class Bar(NamedTuple):
    """One row of the table."""

    workload: str
    peer: str
    at_least: float
    aim: float


BARS = (
    Bar("report, batch 10", EAGER, 6, 9),
    Bar("report, batch 50", EAGER, 6, 9),
    Bar("report, batch 100", EAGER, 5, 8),
    Bar("report, batch 100", SKLEARN, 4, 7),
    Bar("report, batch 100", JAX, 0.8, 1.3),
    Bar("report, 10 rounds, batch 10", EAGER, 20, 35),
    Bar("report, 10 rounds, batch 100", EAGER, 8, 10),
    Bar("report, 10 rounds, batch 10", JAX, 0.8, 1.3),
    Bar("report, 10 rounds, batch 100", JAX, 0.8, 1.3),
    Bar(DIGITS.name, EAGER, 3, 5),
    Bar(DIGITS.name, SKLEARN, 3, 5),
    Bar(MEDIUM.name, EAGER, 1.1, 1.5),
    Bar(LARGE.name, EAGER, 0.98, 1.1),
)
MEMORY_BARS = tuple(Bar(workload.name, EAGER, 1.0, 1.2) for workload in (MEDIUM, LARGE))
FIRST_STEP_SECONDS = 0.4
"""From the start of `minidl train` to its first step, beyond `import torch`: no more."""


def falls_short(results: Results, bar: Bar) -> bool:
    """Whether the median of a ratio is below its bar."""
    comparison = results.find(bar.workload)
    ratio = comparison.ratio(comparison.best(bar.peer)) if comparison else None
    return ratio is not None and ratio.median < bar.at_least


def verdict(value: float, bar: Bar) -> str:
    """How a median stands to its bar."""
    if value >= bar.aim:
        return "aim reached"
    return "reached" if value >= bar.at_least else "**falls short**"
