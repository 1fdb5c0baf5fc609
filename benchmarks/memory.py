"""The memory of a training: the peak of a process that does nothing else."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare import Log, Spread
from benchmarks.peers import EAGER, JIT, MINIDL, Contestant
from benchmarks.worker import Worker, WorkerError
from benchmarks.workloads import Workload

STATUS = Path("/proc/self/status")


@dataclass
class Memory:
    """MiB of one contestant on one workload, each of several processes."""

    workload: str
    contestant: str
    peer: str
    peak: list[float]
    """Of the whole process: Python, libraries, data, training."""
    increase: list[float]
    """Beyond what the process had with its libraries in use and the data ready."""


def resident(peak: bool) -> float:
    """MiB in memory, now or at most."""
    name = "VmHWM" if peak else "VmRSS"
    [line] = [line for line in STATUS.read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def training_memory(contestant: Contestant, workload: Workload) -> tuple[float, float]:
    """The peak of this process and the increase by a training."""
    import torch

    from benchmarks.problem import Problem

    torch.set_num_threads(1)
    # What a library imports when it is first used is no memory of this training.
    small = dataclasses.replace(workload, sizes=(8, *(16 for _ in workload.activations), 10), rows=64, batch_size=32)
    warm_up = contestant.load()(Problem.of(small), 1)
    warm_up.reset()
    warm_up.train()
    del warm_up
    problem = Problem.of(workload)
    gc.collect()
    before, earlier_peak = resident(peak=False), resident(peak=True)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew
    training = contestant.load()(problem, 1)
    training.spares_memory = True
    training.reset()
    training.train()
    peak = resident(peak=True)
    return max(peak, earlier_peak), peak - before


def measure(workloads: Iterable[Workload], contestants: Iterable[Contestant], repeats: int, log: Log) -> list[Memory]:
    """minidl and PyTorch eager, each in new processes; nothing where the system does not tell."""
    if not STATUS.exists():
        log("memory: not measured, this system does not tell the peak of a process")
        return []
    chosen = [contestant for contestant in contestants if contestant.peer in (MINIDL, JIT, EAGER)]
    found = []
    for workload in workloads:
        for contestant in chosen:
            memory = Memory(workload.name, contestant.name, contestant.peer, [], [])
            for _ in range(repeats):
                worker = Worker(threads=1)
                try:
                    peak, increase = worker(training_memory, contestant, workload)
                except WorkerError as error:
                    log(f"  {contestant.name} does not train: {error}")
                    break
                finally:
                    worker.close()
                memory.peak.append(peak)
                memory.increase.append(increase)
            else:
                found.append(memory)
                median = Spread.of(memory.peak).median, Spread.of(memory.increase).median
                log(f"  {workload.name}, {contestant.name}: peak {median[0]:.0f} MiB, increase {median[1]:.0f} MiB")
    return found
