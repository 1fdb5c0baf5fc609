"""What it costs to look for what ails a training that is well: `python -m benchmarks.diagnosis`.

In processor time of one thread, which other work on the machine disturbs least: the least of many turns with and
without, and, since that is hardly more than noise, the time within the looks themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock, patch

import torch

from minidl_core import train
from minidl_core.cli.output import print_table
from minidl_core.training import experiment
from minidl_core.training.diagnosis import Diagnosis

NETWORK = "linear(_,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,_)"
HEADINGS = ("ROUNDS", "BATCH", "SECONDS WITHOUT", "WITH", "IN LOOKS", "PART")


class Timed(Diagnosis):
    """Adds up the time that its methods take."""

    seconds = 0.0

    def __init__(self, *arguments: Any) -> None:
        self._timed(super().__init__, *arguments)

    def epoch_ended(self, *arguments: Any) -> None:
        self._timed(super().epoch_ended, *arguments)

    def ended(self, *arguments: Any) -> None:
        self._timed(super().ended, *arguments)

    def _timed(self, method: Callable[..., None], *arguments: Any) -> None:
        start = time.process_time()
        method(*arguments)
        Timed.seconds += time.process_time() - start


def seconds(batch_size: int, rounds: int, diagnosis: Any) -> float:
    """Of the report's training, 300 epochs on 1000 rows, from data to figures."""
    with patch.object(experiment, "Diagnosis", diagnosis):
        start = time.process_time()
        train(NETWORK, "disk", epochs=300, batch_size=batch_size, rounds=rounds, threads=1)
        return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description="What looking costs.")
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    seconds(10, 1, Diagnosis)  # what the first one of a process takes longer
    rows = []
    for rounds, batch_size in (10, 10), (10, 100), (1, 10), (1, 100):
        without, with_looks, in_looks = [], [], []
        for _ in range(turns):
            without.append(seconds(batch_size, rounds, MagicMock()))
            with_looks.append(seconds(batch_size, rounds, Diagnosis))
            Timed.seconds = 0.0
            seconds(batch_size, rounds, Timed)
            in_looks.append(Timed.seconds)
        times = f"{min(without):.3f}", f"{min(with_looks):.3f}", f"{min(in_looks):.4f}"
        rows.append((str(rounds), str(batch_size), *times, f"{min(in_looks) / min(without):.1%}"))
    print_table(HEADINGS, rows, right=HEADINGS)


if __name__ == "__main__":
    main()
