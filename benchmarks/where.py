"""Where the time of a captured step goes, call by call: `python -m benchmarks.where "784-1024"`.

Each call is timed on its own, with all that it reads in the cache. Without the extra `jit`, of whose loops nothing can
be told apart.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.peers.minidl_peer import without_llvmlite
from benchmarks.problem import Problem, new_model
from benchmarks.workloads import WORKLOADS, Workload
from minidl_core.cli.output import print_table
from minidl_core.data.batches import Batches
from minidl_core.losses import Loss
from minidl_core.optim import Optimizer
from minidl_core.seeding import round_seeds
from minidl_core.training.capture import CapturedStep
from minidl_core.training.threads import use_threads

SECONDS_OF_ONE = 0.02
HEADINGS = ("CALL", "TIMES", "MICROSECONDS", "PART")


def captured(workload: Workload, threads: int) -> CapturedStep:
    """A step of a workload that is being replayed."""
    model, problem = new_model(workload), Problem.of(workload)
    optimizer = Optimizer.of(f"{workload.optimizer}(lr={workload.lr})")
    step = CapturedStep(model, Loss.of(workload.loss), optimizer, threads=threads)
    seeds = round_seeds(0, workload.rounds)
    batches = Batches(problem.examples, workload.batch_size, seeds, model.parameters.rounds)
    losses = torch.empty(len(batches), *model.parameters.rounds)
    for epoch in range(4):  # so many that even where an epoch is one step it is recorded and checked
        for block in batches.blocks(epoch):
            step.run(block, losses, lambda: False)
    return step


def microseconds(call: Callable[[], object]) -> float:
    """The median of several calls."""
    measured: list[float] = []
    end = time.perf_counter() + SECONDS_OF_ONE
    while len(measured) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        measured.append(time.perf_counter() - start)
    return statistics.median(measured) * 1e6


def described(call: functools.partial[object]) -> str:
    """The function's name, and the shapes that it is given."""
    name = getattr(call.func, "__name__", str(call.func))
    arguments = [*call.args, *call.keywords.values()]
    shapes = ["x".join(map(str, one.shape)) or "1" for one in arguments if hasattr(one, "shape")]
    return f"{name}({', '.join(shapes)})"


@dataclass
class Breakdown:
    """The calls of a workload's captured step."""

    workload: str
    whole: float
    """Microseconds of all calls in turn."""
    calls: list[tuple[str, int, float]]
    """Those alike together: what, how many, and their microseconds, the dearest first."""

    @classmethod
    def of(cls, workload: Workload, threads: int) -> Breakdown:
        with use_threads(threads), np.errstate(all="ignore"), without_llvmlite():
            step = captured(workload, threads)
            found: dict[str, list[float]] = defaultdict(list)
            whole = 0.0
            for phase in step.phases():
                assert phase.program is not None, phase.obstacle
                whole += microseconds(phase.program.run)
                for call in phase.program.calls:
                    found[described(call)].append(microseconds(call))
        calls = [(call, len(times), sum(times)) for call, times in found.items()]
        return cls(workload.name, whole, sorted(calls, key=lambda call: -call[2]))

    def rows(self) -> list[tuple[str, str, str, str]]:
        """A row a call, with its part of all."""
        total = sum(time for _, _, time in self.calls)
        return [(call, str(times), f"{time:.1f}", f"{time / total:.0%}") for call, times, time in self.calls]

    @property
    def title(self) -> str:
        one_by_one = sum(time for _, _, time in self.calls)
        return f"{self.workload}: a step of {self.whole:,.1f} µs, its calls one by one {one_by_one:,.1f} µs"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.where",
        description="A captured step, call by call: what is called with arrays of which shapes, the last being the "
        "result, how often in a step, and the microseconds of all those calls together.",
        epilog=f"The workloads: {'; '.join(workload.name for workload in WORKLOADS)}.",
    )
    parser.add_argument("name", nargs="?", default="report, batch 100", help="workloads with this in their name")
    parser.add_argument("--threads", type=int, default=1)
    request = parser.parse_args()
    chosen = [workload for workload in WORKLOADS if request.name in workload.name]
    if not chosen:
        parser.error(f"no workload has '{request.name}' in its name")
    for workload in chosen:
        breakdown = Breakdown.of(workload, request.threads)
        print(f"{breakdown.title}\n")
        print_table(HEADINGS, breakdown.rows(), right=HEADINGS[1:])
        print()


if __name__ == "__main__":
    main()
