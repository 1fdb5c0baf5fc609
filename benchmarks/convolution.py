"""A convolution forward and backward beside PyTorch's with autograd: `python -m benchmarks.convolution`.

Both in turn, so that other work on the machine disturbs both; the ratio of each turn, minidl's time to PyTorch's, and
of these the median and the quartiles. With rounds, PyTorch computes them one after the other.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl_core.cli.output import print_table
from minidl_core.spec import build_model
from minidl_core.spec.shape import spelt

HEADINGS = ("CONVOLUTION", "INPUT", "ROUNDS", "THREADS", "MINIDL MS", "PYTORCH MS", "RATIO", "QUARTILES")
CASES: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("conv2d(_,16,3)", (64, 16, 32, 32), 1),
    ("conv2d(_,16,3,padding=1)", (64, 16, 32, 32), 1),
    ("conv2d(_,32,3,stride=2,padding=1)", (64, 16, 32, 32), 1),
    ("conv2d(_,16,5,padding=2)", (64, 3, 32, 32), 1),
    ("conv2d(_,64,3,padding=1)", (32, 64, 16, 16), 1),
    ("conv2d(_,8,3,padding=1)", (50, 1, 8, 8), 1),
    ("conv2d(_,16,3,padding=1)", (50, 8, 8, 8), 1),
    ("conv2d(_,8,3,padding=1)", (50, 1, 8, 8), 10),
    ("conv2d(_,16,3,padding=1)", (50, 8, 8, 8), 10),
)


def ours(layer: Any, x: Tensor) -> Callable[[Tensor], Any]:
    """Forward, and backward for a dy."""

    def run(dy: Tensor) -> Any:
        layer.forward(x)
        return layer.backward(dy)

    return run


def theirs(layer: Any, x: Tensor) -> Callable[[Tensor], Any]:
    """The same by autograd, with weights of its own for each round."""
    rounds = range(len(x) if x.dim() == 5 else 1)
    inputs = [(x[index] if x.dim() == 5 else x).clone().requires_grad_() for index in rounds]
    geometry = layer.stride, layer.padding, layer.dilation, layer.groups
    weights, biases = (
        [(one.value[index] if x.dim() == 5 else one.value).clone().requires_grad_() for index in rounds]
        for one in (layer.weight, layer.bias)
    )

    def run(dy: Tensor) -> Any:
        for index in rounds:
            leaves = inputs[index], weights[index], biases[index]
            y = torch.conv2d(*leaves, *geometry)
            torch.autograd.grad(y, leaves, dy[index] if x.dim() == 5 else dy)

    return run


def milliseconds(call: Callable[[Tensor], Any], dy: Tensor) -> float:
    start = time.perf_counter()
    call(dy)
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution", description="conv2d beside PyTorch's.")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cases", type=int, default=len(CASES), help="the first so many")
    options = parser.parse_args()
    rows = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for spec, shape, rounds in CASES[: options.cases]:
            x = torch.randn(*((rounds,) if rounds > 1 else ()), *shape)
            layer = build_model(spec, shape[1:]).initialize(range(rounds))[0]
            dy = torch.randn_like(layer.forward(x))
            ours_run, theirs_run = ours(layer, x), theirs(layer, x)
            for run in (ours_run, theirs_run) * 3:
                run(dy)
            pairs = [(milliseconds(ours_run, dy), milliseconds(theirs_run, dy)) for _ in range(options.turns)]
            ratios = [one / other for one, other in pairs]
            low, middle, high = statistics.quantiles(ratios, n=4)
            medians = [f"{statistics.median(times):.2f}" for times in zip(*pairs, strict=True)]
            size = spelt(shape)
            rows.append((spec, size, str(rounds), str(threads), *medians, f"{middle:.2f}", f"{low:.2f} to {high:.2f}"))
    print_table(HEADINGS, rows, right=HEADINGS[2:])


if __name__ == "__main__":
    main()
