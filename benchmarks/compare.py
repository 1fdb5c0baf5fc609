"""Contestants train in turn, A B C A B C, and each turn gives a ratio: what slows the machine for a while slows all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks import jobs
from benchmarks.peers import MINIDL, Contestant
from benchmarks.worker import Worker, WorkerError
from benchmarks.workloads import Workload

TRIALS, DROP = 2, 1.05
"""After so many turns a contestant that is slower by this factor than the fastest of the same peer trains no more."""
ENOUGH_SECONDS = 75
"""After which no turn begins but the first ones: threads that wait for a core may take a hundred times as long."""
TOLERANCE = 2e-2
"""By which the final losses of the same arithmetic may differ: rounding, grown over a training."""
Log = Callable[[str], None]


class Spread(NamedTuple):
    """The median of several numbers, and their extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        values = list(numbers)
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Result:
    """One contestant's times in a comparison."""

    contestant: str
    peer: str
    first: float
    """Seconds of building it and of its first training, which is in no ratio: compilation is in them."""
    share: float
    same_arithmetic: bool
    losses: list[float]
    seconds: list[float] = field(default_factory=list)
    """Of each turn; of the first ones only, where another of the same peer was faster."""


@dataclass
class Comparison:
    """All contestants on one workload."""

    workload: str
    epochs: int
    steps: int
    operations: int
    threads: int
    results: list[Result] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Why a contestant did not train."""
    rates: list[float] = field(default_factory=list)
    """Operations a second of a large matrix product, of each turn."""

    def best(self, peer: str) -> Result | None:
        """The fastest contestant of a peer."""
        timed = [r for r in self.results if r.peer == peer and len(r.seconds) == len(self.rates)]
        return min(timed, key=lambda result: statistics.median(result.seconds), default=None)

    def ratio(self, result: Result | None, of: str = MINIDL) -> Spread | None:
        """Its time over minidl's, turn by turn."""
        ours = self.best(of)
        if ours is None or result is None:
            return None
        return Spread.of(theirs / own for theirs, own in zip(result.seconds, ours.seconds, strict=False))

    def over_arithmetic(self, result: Result) -> Spread:
        """Its time over that of the matrix products alone at the rate of a large one, turn by turn."""
        pairs = zip(result.seconds, self.rates, strict=False)
        return Spread.of(seconds * rate / self.operations for seconds, rate in pairs)

    def difference(self, result: Result) -> float | None:
        """The largest relative difference of its rounds' final losses to minidl's."""
        ours = next((other.losses for other in self.results if other.peer == MINIDL), None)
        if ours is None:
            return None
        return max(abs(theirs - own) / abs(own) for theirs, own in zip(result.losses, ours, strict=False))

    def strangers(self) -> list[Result]:
        """Those whose losses are not minidl's though they should be."""
        return [
            result for result in self.results if result.same_arithmetic and (self.difference(result) or 0) > TOLERANCE
        ]


class Workers:
    """A process for each peer, started when it is first needed and kept."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.workers: dict[str, Worker] = {}

    def __getitem__(self, peer: str) -> Worker:
        if peer not in self.workers:
            self.workers[peer] = Worker(self.threads)
        return self.workers[peer]

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def compare(
    workload: Workload, contestants: Iterable[Contestant], workers: Workers, turns: int, log: Log
) -> Comparison:
    """Prepare all, train each once, and then in turn."""
    comparison = Comparison(workload.name, workload.epochs, workload.steps, workload.operations, workers.threads)
    log(f"{workload.name}: {workload.steps} steps, threads: {workers.threads}")
    for contestant in contestants:
        if contestant.trains(workload):
            try:
                comparison.results.append(_first(contestant, workload, workers))
            except WorkerError as error:
                comparison.missing[contestant.name] = str(error)
                log(f"  {contestant.name} does not train: {error}")
    racing = comparison.results
    start = time.monotonic()
    for turn in range(turns):
        if turn >= TRIALS and time.monotonic() - start > ENOUGH_SECONDS:
            log(f"  {ENOUGH_SECONDS} seconds are over after {turn} turns")
            break
        if turn == TRIALS:
            racing = _without_slow(racing)
        comparison.rates.append(workers[MINIDL](jobs.matrix_rate, workers.threads))
        # Each turn begins with another one, so that none is always the one after a slow or a large one.
        first = turn % max(1, len(racing))
        for result in racing[first:] + racing[:first]:
            seconds, result.losses = workers[result.peer](jobs.train, result.contestant)
            result.seconds.append(seconds)
    for result in comparison.results:
        if ratio := comparison.ratio(result):
            median = statistics.median(result.seconds)
            log(f"  {result.contestant:24} {median:8.3f} s   {ratio.median:6.2f} ({ratio.low:.2f} to {ratio.high:.2f})")
    for result in comparison.strangers():
        log(
            f"  !!! {result.contestant} DOES NOT COMPUTE THE SAME: losses differ by {comparison.difference(result):.1e}"
        )
    return comparison


def _first(contestant: Contestant, workload: Workload, workers: Workers) -> Result:
    worker = workers[contestant.peer]
    worker(jobs.load, contestant)
    start = time.perf_counter()
    worker(jobs.prepare, contestant, workload, workers.threads)
    _, losses = worker(jobs.train, contestant.name)
    first = time.perf_counter() - start
    return Result(contestant.name, contestant.peer, first, *worker(jobs.traits, contestant.name), losses)


def _without_slow(results: list[Result]) -> list[Result]:
    fastest = {peer: min(min(r.seconds) for r in results if r.peer == peer) for peer in {r.peer for r in results}}
    return [result for result in results if min(result.seconds) <= DROP * fastest[result.peer]]
