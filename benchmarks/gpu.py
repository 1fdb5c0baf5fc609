"""How fast minidl trains on a GPU, beside PyTorch: `python -m benchmarks.gpu`.

All train the same network on the same data from the same weights, in turn, so that what disturbs the machine disturbs
all; the medians of the turns, with the least and the greatest, and the ratio of each turn, minidl's time by theirs. A
short training is timed too: what a long one takes more is the time of steps, and what is left of the short one is the
start, where steps are captured. `=` says that the losses of the short one are minidl's. Many rounds are one computation
to minidl and to vmap, and trainings one after the other to the rest, which are left out where rounds are very many:
their time is that of ten rounds, times the number of tens.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from benchmarks.peers.compiled import Compiled
from benchmarks.peers.ensembled import Ensembled
from benchmarks.peers.graphed import Graphed
from benchmarks.peers.minidl_peer import Minidl
from benchmarks.peers.minidl_peer import Plain as WithoutCapture
from benchmarks.peers.peer import NotAvailableError, Peer
from benchmarks.peers.pytorch import Eager, Foreach, Fused, Plain
from benchmarks.problem import Problem
from benchmarks.workloads import DIGITS, LARGE, Workload, report
from minidl_core.cli.output import print_table

PEERS: dict[str, type[Peer]] = {
    "minidl": Minidl,
    "minidl, capture=False": WithoutCapture,
    "PyTorch, plain": Plain,
    "PyTorch, foreach": Foreach,
    "PyTorch, fused": Fused,
    "PyTorch, vmap": Ensembled,
    "PyTorch, graph by hand": Graphed,
    "PyTorch, compile": Compiled,
}
SLOW_TO_START = Compiled
FAST = (Minidl, Graphed, Compiled)
"""Whose steps are so short that they take more of them in the same time."""
SHORT, LESS = 20, 4
"""By how much the epochs of a short training are fewer, and those of a long one where steps are slow."""
VERY_MANY_ROUNDS = 100
WORKLOADS = (
    report(100, epochs=400),
    report(100, epochs=120, rounds=10),
    report(100, epochs=20, rounds=1000),
    DIGITS,
    dataclasses.replace(LARGE, epochs=40),
)
HEADINGS = ("WORKLOAD", "CONTESTANT", "US A STEP", "FROM", "TO", "RATIO", "START MS", "LOSS")


@dataclass
class Contestant:
    """A way to train, and what its turns took, in seconds."""

    name: str
    long: Peer
    short: Peer
    of_long: list[float] = field(default_factory=list)
    of_short: list[float] = field(default_factory=list)

    def turn(self) -> None:
        self.of_short.append(seconds(self.short))
        self.of_long.append(seconds(self.long))

    def of_step(self) -> list[float]:
        """Microseconds of a step of all rounds, in each turn."""
        steps = self.long.problem.workload.steps - self.short.problem.workload.steps
        return [1e6 * (long - short) / steps for long, short in zip(self.of_long, self.of_short, strict=True)]

    def start(self) -> float:
        """Milliseconds before steps take what they take."""
        steps = 1e-6 * statistics.median(self.of_step()) * self.short.problem.workload.steps
        return 1e3 * (statistics.median(self.of_short) - steps)


def seconds(peer: Peer) -> float:
    """What a training of all rounds takes, its last kernel included."""
    peer.reset()
    torch.cuda.synchronize()
    start = time.perf_counter()
    peer.train()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / peer.share


def contestants(workload: Workload, names: Sequence[str]) -> list[Contestant]:
    """Those that can take part, each warmed up by a short training."""
    short, less, long = (Problem.of(workload.shorter(factor)).to("cuda") for factor in (SHORT, LESS, 1))
    found = []
    for name in names:
        made = PEERS[name]
        if made is Ensembled and workload.rounds == 1:
            continue
        if issubclass(made, Eager) and workload.rounds > VERY_MANY_ROUNDS:
            continue
        try:
            peers = [made(problem, torch.get_num_threads()) for problem in (long if made in FAST else less, short)]
            seconds(peers[1])
            found.append(Contestant(name, *peers))
        except NotAvailableError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def measured(workload: Workload, names: Sequence[str], turns: int) -> list[tuple[str, ...]]:
    """A row for each contestant."""
    found = contestants(workload, names)
    for _ in range(turns):
        for contestant in found:
            contestant.turn()
    return [_row(workload, contestant, found[0]) for contestant in found]


def _row(workload: Workload, contestant: Contestant, ours: Contestant) -> tuple[str, ...]:
    times = contestant.of_step()
    ratio = statistics.median(own / other for own, other in zip(ours.of_step(), times, strict=True))
    losses, expected = contestant.short.losses(), ours.short.losses()
    is_same = torch.tensor(losses).allclose(torch.tensor(expected[: len(losses)]), rtol=1e-2)
    numbers = [f"{number:.0f}" for number in (statistics.median(times), min(times), max(times))]
    start, loss = f"{contestant.start():.0f}", f"{'=' if is_same else '?'} {losses[0]:.4f}"
    return workload.name, contestant.name, *numbers, f"{ratio:.2f}", start, loss


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Training on a GPU beside PyTorch's.")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--workloads", type=int, nargs="+", default=range(len(WORKLOADS)), help="their numbers, from 0")
    parser.add_argument("--compile", action="store_true", help="torch.compile too, which takes a minute to start")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks.gpu needs a CUDA device, and PyTorch sees none here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, float32")
    names = [name for name, made in PEERS.items() if options.compile or made is not SLOW_TO_START]
    for number in options.workloads:
        print_table(HEADINGS, measured(WORKLOADS[number], names, options.turns), right=HEADINGS[2:])


if __name__ == "__main__":
    main()
