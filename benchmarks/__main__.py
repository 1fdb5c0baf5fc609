"""The command: measure, print, and write the page and its charts."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

from benchmarks import first_step, machine, memory
from benchmarks.bars import BARS, falls_short
from benchmarks.compare import Workers, compare
from benchmarks.peers import CONTESTANTS, EAGER, JIT, MINIDL, PLAIN, Contestant
from benchmarks.results import Results
from benchmarks.where import Breakdown
from benchmarks.worker import cores
from benchmarks.workloads import DIGITS, GROWTH, LARGE, MEDIUM, REPORT, WORKLOADS, Workload

PARTS = ("main", "where", "growth", "memory", "first-step")
QUICK = (REPORT.name, "report, 10 rounds, batch 10", DIGITS.name)
GROWING = ("minidl", EAGER, "JAX, a call an epoch")
MANY_THREADS_TURNS, GROWTH_TURNS = 3, 3
START = time.monotonic()


def log(line: str) -> None:
    """Progress is no result: it goes to standard error."""
    print(f"{time.monotonic() - START:6.0f} s  {line}", file=sys.stderr, flush=True)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="minidl beside its peers")
    parser.add_argument("--quick", action="store_true", help="a minute or two: some workloads, few epochs, two turns")
    parser.add_argument(
        "--only", metavar="PATTERN", default="", help="workloads whose name has this regular expression"
    )
    parser.add_argument("--peers", metavar="PATTERN", default="", help="the same of contestants; minidl is always one")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="what to measure  [all; with --quick: main]")
    parser.add_argument("--threads", nargs="+", type=int, help="of each contestant  [1 and then 2; with --quick: 1]")
    parser.add_argument(
        "--turns", type=int, help="times that each contestant trains  [7, of more threads 3; with --quick: 2]"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where README.md and the charts are written")
    parser.add_argument("--from", type=Path, metavar="FOLDER", dest="source", help="write them from results.json there")
    return parser.parse_args()


def chosen_workloads(request: argparse.Namespace) -> list[Workload]:
    workloads = [w for w in WORKLOADS if w.name in QUICK] if request.quick and not request.only else WORKLOADS
    chosen = [workload for workload in workloads if re.search(request.only, workload.name, re.IGNORECASE)]
    return [workload.shorter(4) for workload in chosen] if request.quick else chosen


def chosen_contestants(request: argparse.Namespace) -> list[Contestant]:
    return [c for c in CONTESTANTS if c.peer in (MINIDL, JIT) or re.search(request.peers, c.name, re.IGNORECASE)]


def measure(request: argparse.Namespace) -> Results:
    results = Results(machine.describe(), request.quick)
    contestants = chosen_contestants(request)
    parts = request.parts or (PARTS[:1] if request.quick else PARTS)
    most_turns = request.turns or (2 if request.quick else 7)
    for threads in request.threads or ([1] if request.quick else [1, 2]):
        if threads > max(1, len(cores())):
            log(f"{threads} threads are not measured: this process may use {len(cores())} of the cores")
            continue
        turns = most_turns if threads == 1 else min(most_turns, MANY_THREADS_TURNS)
        workers = Workers(threads)
        try:
            if "main" in parts:
                for workload in chosen_workloads(request):
                    some = [c for c in contestants if threads == 1 or c.peer != PLAIN]
                    results.comparisons.append(compare(workload, some, workers, turns, log))
            if "growth" in parts and threads == 1:
                growing = [c for c in contestants if c.name in GROWING or c.peer in GROWING]
                for what, sizes in GROWTH.items():
                    chosen = list(sizes.items())[:: 3 if request.quick else 1]
                    results.growth[what] = {
                        size: compare(workload, growing, workers, min(turns, GROWTH_TURNS), log)
                        for size, workload in chosen
                    }
        finally:
            workers.close()
    if "where" in parts:
        results.where = where_time_goes(results)
    if "memory" in parts:
        workloads = [MEDIUM] if request.quick else [MEDIUM, LARGE]
        results.memory = memory.measure(workloads, contestants, 1 if request.quick else 3, log)
    if "first-step" in parts:
        results.first_step = first_step.measure(2 if request.quick else 25, log)
    return results


def where_time_goes(results: Results) -> list[Breakdown]:
    """The calls of the steps that fall short of a bar."""
    short = {bar.workload for bar in BARS if falls_short(results, bar)}
    chosen = [workload for workload in WORKLOADS if workload.name in short]
    return [Breakdown.of(workload, threads=1) for workload in chosen]


def main() -> None:
    request = options()
    results = Results.load(request.source) if request.source else measure(request)
    if request.source and "where" in (request.parts or ()):
        results.where = where_time_goes(results)
    is_whole = not (request.quick or request.only or request.peers or request.parts or request.source)
    output = request.output or (Path(__file__).parent if is_whole else request.source)
    from benchmarks import charts, page

    text = page.write(results)
    print(text)
    if output is not None:
        results.save(output)
        charts.draw(results, output)
        (output / "README.md").write_text(text)
        log(f"written to {output}")


if __name__ == "__main__":
    main()
