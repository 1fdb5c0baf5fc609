"""What is done within a peer's process, one call at a time."""

from __future__ import annotations

import gc
import statistics
import time

from benchmarks.peers import Contestant
from benchmarks.peers.peer import Peer
from benchmarks.workloads import Workload

MATRIX = 1024
_peers: dict[str, Peer] = {}  # by the contestant's name


def load(contestant: Contestant) -> None:
    """Import what a contestant needs."""
    contestant.load()


def prepare(contestant: Contestant, workload: Workload, threads: int) -> None:
    """Build a training; those of another workload are forgotten."""
    import torch

    from benchmarks.problem import Problem

    torch.set_num_threads(threads)
    if any(peer.problem.workload != workload for peer in _peers.values()):
        _peers.clear()
        gc.collect()
    _peers[contestant.name] = contestant.load()(Problem.of(workload), threads)


def train(contestant: str) -> tuple[float, list[float]]:
    """Seconds of the whole training, of all rounds, and the last epoch's mean loss of each round that was trained."""
    peer = _peers[contestant]
    peer.reset()
    gc.collect()
    start = time.perf_counter()
    peer.train()
    return (time.perf_counter() - start) / peer.share, peer.losses()


def traits(contestant: str) -> tuple[float, bool]:
    """The part of the rounds that is trained, and whether the losses must be minidl's."""
    return _peers[contestant].share, _peers[contestant].same_arithmetic


def matrix_rate(threads: int, repeats: int = 3) -> float:
    """Multiplications and additions a second of a product of matrices, float32, 1024 by 1024: the median of a few."""
    import torch

    torch.set_num_threads(threads)
    a, b = torch.ones(MATRIX, MATRIX), torch.ones(MATRIX, MATRIX)
    product = torch.mm(a, b)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        torch.mm(a, b, out=product)
        seconds.append(time.perf_counter() - start)
    return 2 * MATRIX**3 / statistics.median(seconds)
