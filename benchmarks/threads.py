"""Where a second thread begins to pay: the time of a training step with one thread over that with all.

`python benchmarks/threads.py`. Both in turn, several times, and the median of the ratios; above 1 more threads win.
"""

from __future__ import annotations

import statistics
import time

import torch

from minidl_core import MSE, SGD, build_model
from minidl_core.cli.output import print_table
from minidl_core.nn import Sequential
from minidl_core.training.threads import use_threads

BATCH = 100
REPEATS = 15


def step_seconds(model: Sequential, x: torch.Tensor, target: torch.Tensor, steps: int) -> float:
    """Seconds of one step."""
    loss, optimizer = MSE(), SGD(1e-3)
    start = time.perf_counter()
    for _ in range(steps):
        loss.forward(model.forward(x), target)
        model.backward(loss.backward())
        optimizer.step(model.parameters)
    return (time.perf_counter() - start) / steps


def main() -> None:
    most = torch.get_num_threads()
    rows = []
    for rounds in 1, 10:
        for width in 16, 32, 64, 128, 256, 512, 1024:
            model = build_model(f"linear({width},{width})-relu-linear({width},{width})-tanh-linear({width},{width})")
            model.initialize(range(rounds))
            axes = model.parameters.rounds
            x, target = torch.randn(*axes, BATCH, width), torch.randn(*axes, BATCH, width)
            operations = rounds * BATCH * model.operations((width,))
            steps = max(3, min(200, 1_000_000_000 // operations))
            ratios, singles = [], []
            for _ in range(REPEATS if operations < 1e9 else 5):
                with use_threads(1):
                    singles.append(step_seconds(model, x, target, steps))
                with use_threads(most):
                    ratios.append(singles[-1] / step_seconds(model, x, target, steps))
            single = statistics.median(singles) * 1e3
            rows.append((rounds, width, f"{operations:.1e}", f"{single:.2f}", f"{statistics.median(ratios):.2f}"))
    print_table(("ROUNDS", "WIDTH", "OPERATIONS", "MS, 1 THREAD", f"1 THREAD / {most}"), rows)


if __name__ == "__main__":
    main()
