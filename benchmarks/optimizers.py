"""What a step costs beside PyTorch's fastest: `python -m benchmarks.optimizers`.

A million parameters in float32. Ours are one flat tensor, and the step is as in training, captured (with llvmlite, the
extra `jit`, it is a compiled loop); PyTorch's are one tensor or ten, and the step is the fastest of its loop, its
foreach and, where it has one, its fused one. All of them take steps in turn, many times, and the ratio is that of each
turn, ours by the least of theirs. Lion is not in PyTorch: its peer is the same rule, written with PyTorch's foreach
functions. LAMB and LARS have none.
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
from minidl_core.nn import Linear
from minidl_core.spec import build_component
from minidl_core.training.capture.update import Update

SIZE = 10**6
STEPS_OF_A_TURN = 10
PEERS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rprop": torch.optim.Rprop,
    "lion": None,
    "lamb": None,
    "lars": None,
}
FUSED = (torch.optim.SGD, torch.optim.Adagrad, torch.optim.Adam, torch.optim.AdamW)
HEADINGS = ("OPTIMIZER", "THREADS", "MS", "PEER'S MS", "PEER", "RATIO", "QUARTILES")
Step = Callable[[], object]


def gradient() -> Tensor:
    return 0.01 * torch.randn(SIZE, generator=torch.Generator().manual_seed(0))


def ours(name: str, threads: int) -> Step:
    """The captured step of an optimizer with default arguments."""
    parameters = Linear(SIZE // 1000, 1000, bias=False).initialize([0]).parameters
    parameters.grads = gradient()
    update = Update(build_component("optimizer", name), parameters, None, threads)
    while update.stage[0] != "settled" or update.program is None or update.program.runs_until_compiled is not None:
        assert update.obstacle is None
        update.run()
    return update.run


def peers(name: str) -> dict[str, Step]:
    """The ways that PyTorch has to take the same step."""
    found: dict[str, Step] = {}
    for parts in (1, 10):
        weights = [torch.zeros(SIZE // parts, requires_grad=True) for _ in range(parts)]
        for weight, part in zip(weights, gradient().chunk(parts), strict=True):
            weight.grad = part.clone()
        of = f"{parts} tensor" + ("s" if parts > 1 else "")
        if name == "lion":
            found[f"foreach, {of}"] = foreach_lion(weights)
        peer = PEERS[name]
        if peer is None:
            continue
        options: dict[str, Any] = {"momentum": 0.9, "lr": 0.1} if name == "momentum" else {}
        found[f"loop, {of}"] = peer(weights, foreach=False, **options).step
        found[f"foreach, {of}"] = peer(weights, foreach=True, **options).step
        if peer in FUSED:
            found[f"fused, {of}"] = peer(weights, fused=True, **options).step
    return found


def foreach_lion(weights: list[Tensor], lr: float = 1e-4, beta1: float = 0.9, beta2: float = 0.99) -> Step:
    means = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step() -> None:
        grads = [weight.grad for weight in weights if weight.grad is not None]
        changes = torch._foreach_lerp(means, grads, 1 - beta1)
        torch._foreach_sign_(changes)
        torch._foreach_add_(weights, changes, alpha=-lr)
        torch._foreach_lerp_(means, grads, 1 - beta2)

    return step


def milliseconds(step: Step, threads: int) -> float:
    """Of one step; with one thread in processor time, which other work on the machine disturbs least."""
    clock = time.process_time if threads == 1 else time.perf_counter
    start = clock()
    for _ in range(STEPS_OF_A_TURN):
        step()
    return 1000 * (clock() - start) / STEPS_OF_A_TURN


def row(name: str, threads: int, turns: int) -> tuple[str, ...]:
    """In each turn ours, then each of theirs."""
    torch.set_num_threads(threads)
    own, others = ours(name, threads), peers(name)
    for step in others.values():
        milliseconds(step, threads)
    times: list[float] = []
    of_others: dict[str, list[float]] = {way: [] for way in others}
    for _ in range(turns):
        times.append(milliseconds(own, threads))
        for way, step in others.items():
            of_others[way].append(milliseconds(step, threads))
    mine = f"{statistics.median(times):.2f}"
    if not others:
        return name, str(threads), mine, "-", "none", "-", "-"
    # The fastest way is one for all turns: the least of each turn would be the least of their noise.
    best = min(of_others, key=lambda way: statistics.median(of_others[way]))
    low, median, high = statistics.quantiles([a / b for a, b in zip(times, of_others[best], strict=True)])
    theirs = f"{statistics.median(of_others[best]):.2f}"
    return name, str(threads), mine, theirs, best, f"{median:.2f}", f"{low:.2f} to {high:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimizers", description="Steps beside PyTorch's.")
    parser.add_argument("names", nargs="*", default=list(PEERS), metavar="NAME")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    rows = [row(name, threads, options.turns) for threads in options.threads for name in options.names]
    print_table(HEADINGS, rows, right=HEADINGS[1:4])


if __name__ == "__main__":
    main()
