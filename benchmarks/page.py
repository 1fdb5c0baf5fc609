"""The page: benchmarks/README.md, its tables from the results and its prose from here."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.bars import BARS, FIRST_STEP_SECONDS, MEMORY_BARS, Bar, verdict
from benchmarks.compare import TOLERANCE, TRIALS, Comparison, Result, Spread
from benchmarks.memory import Memory
from benchmarks.peers import COMPILE, EAGER, FUNC, JAX, JAX_WHOLE, JIT, MINIDL, PLAIN, SKLEARN
from benchmarks.results import Results

INTRODUCTION = """\
# How fast minidl trains, beside its peers

Written by `make bench`; do not edit. `python -m benchmarks --help` has the options, `--quick` takes a minute or two.

{machine}

A **ratio** is the time of the peer's whole training over that of minidl's: above 1 minidl is faster. It is a median
over {turns} turns, with the lowest and the highest in parentheses: in each turn all train one after the other on the
same core, each turn begins with another one, and each turn gives a ratio of its own. What slows the machine for a
while so slows both sides of a ratio. **Over arithmetic** is the time of the training over that which its matrix
products alone would take at the rate of a large one (`torch.mm`, float32, 1024 by 1024, measured in the same turns):
1 is the least that could be hoped for, and small products do not reach it on any library.
"""

CONDITIONS = """\
## What is equal, and what is not

Equal for all but scikit-learn: the data, the first weights, the batches of each epoch and their order, the arithmetic
(float32), and that each step's loss is recorded, without waiting for it. Each peer has a process of its own, alive
for all workloads, on the same cores; threads of OpenMP, BLAS, PyTorch and XLA are as many as the table says. All
train once before their time counts.

- **minidl** trains through its public `fit`. Within its time: drawing the order of each epoch, capturing the step,
  watching for NaN, keeping the weights of the last good epoch, asking after each step whether to stop.
  `capture=False` is the same with each step through the layers' own Python. `minidl[jit]` is the same with the extra
  `jit`: operations on long vectors are compiled at once, all of a small step after some hundred steps, which is within
  the time too; what was compiled in a training before is not compiled again. LLVM, which does it, takes 70 to 100
  MiB; where large products are nearly all of a step, it is not loaded.
- **The peers** are given the order of each epoch ready made, put the rows in that order once an epoch, and take
  batches as views of that. They watch for nothing. Where memory is measured, PyTorch selects the rows of
  each batch on its own instead: a table in order would count against it.
- **PyTorch eager** is `torch.nn`, autograd and `torch.optim` in three forms: plain (`foreach=False`), foreach, fused.
  The one with the lowest median is the peer. Those slower by a twentieth after {trials} turns train no further. Rounds
  train one by one: some members are trained, and their time is multiplied (the last table says how many were).
- **torch.compile** compiles forward, backward and update as one graph, without breaks, for fixed shapes, with the
  wrapper in C++. What it took to compile is in the last table and in no ratio.
- **torch.func** trains rounds at once by `vmap` of `grad_and_value`, and updates them with the fused optimizer.
- **JAX** has its steps in `jit`, an epoch of them in `lax.scan`, rounds in `vmap`, parameters donated. `JAX, one call`
  has all epochs in one call, of which nothing can be seen before its end. Compilation is in no ratio.
- **scikit-learn** draws its own weights and batches, and has one activation for all hidden layers: tanh in the
  report's network, where the others have relu, tanh, sigmoid. Its losses are therefore others; the sizes, the number
  of steps, the learning rate and the kind of update are the same, without momentum, weight decay or early stopping.
"""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def spread(value: Spread | None) -> str:
    """A median and its extremes."""
    if value is None:
        return "—"
    digits = 1 if value.median >= 10 else 2
    return f"{value.median:.{digits}f} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def write(results: Results) -> str:
    """The whole page."""
    turns = max((len(c.rates) for c in results.comparisons), default=0)
    machine = table(("", ""), list(results.machine.items()))
    if results.is_quick:
        machine += "\n**A quick run: few steps, two turns. Its figures show that everything works, and little more.**\n"
    parts = [INTRODUCTION.format(machine=machine, turns=turns), *_bars(results)]
    for threads in sorted({c.threads for c in results.comparisons}):
        parts.append(_ratios([c for c in results.comparisons if c.threads == threads], threads))
    parts += [
        *_where(results),
        *_growth(results),
        *_first_step(results),
        CONDITIONS.format(trials=TRIALS),
        _details(results),
    ]
    return "\n".join(parts)


def _bars(results: Results) -> list[str]:
    rows = []
    for bar in BARS:
        comparison = results.find(bar.workload)
        best = comparison.best(bar.peer) if comparison else None
        ratio = comparison.ratio(best) if comparison else None
        if comparison and best and ratio:
            over = [comparison.over_arithmetic(r).median for r in (comparison.best(MINIDL), best) if r]
            of_jit = comparison.ratio(best, of=JIT)
            rows.append((bar, ratio, of_jit, *(f"{value:.1f}" for value in over)))
    for bar in MEMORY_BARS:
        ours, with_jit, theirs = (memory_of(results.memory, bar.workload, peer) for peer in (MINIDL, JIT, EAGER))
        if ours and theirs:
            ratio, of_jit = (
                Spread.of(a / b for a in theirs.peak for b in own.peak) if own else None for own in (ours, with_jit)
            )
            named = bar._replace(workload=f"peak memory of the process, {bar.workload}")
            rows.append((named, ratio, of_jit, "", ""))
    if not rows:
        return []
    lines = [
        (
            bar.workload,
            _against(bar.workload, bar.peer),
            f"{bar.at_least:g}",
            f"{bar.aim:g}",
            *_judged(ratio, bar),
            *_judged(of_jit, bar),
            *over,
        )
        for bar, ratio, of_jit, *over in rows
    ]
    over = "minidl over arithmetic", "peer over arithmetic"
    headings = "work", "against", "at least", "aim", "minidl", "", "minidl[jit]", "", *over
    return ["## What minidl wants to reach, on one thread\n", table(headings, lines), "![ratios](ratios.svg)\n"]


def _judged(ratio: Spread | None, bar: Bar) -> tuple[str, str]:
    return spread(ratio), verdict(ratio.median, bar) if ratio else ""


def _against(workload: str, peer: str) -> str:
    one_by_one = ", one by one" if peer == EAGER and "rounds" in workload else ""
    return f"{peer}{one_by_one}" + (", its best" if peer == EAGER else "")


def memory_of(memory: list[Memory], workload: str, peer: str) -> Memory | None:
    """That of a peer's form that takes least."""
    of_peer = [one for one in memory if (one.workload, one.peer) == (workload, peer)]
    return min(of_peer, key=lambda one: statistics.median(one.peak), default=None)


def _ratios(comparisons: list[Comparison], threads: int) -> str:
    peers = EAGER, COMPILE, FUNC, JAX, JAX_WHOLE, SKLEARN, JIT, PLAIN
    rows = []
    for comparison in comparisons:
        if ours := comparison.best(MINIDL):
            step = statistics.median(ours.seconds) / comparison.steps * 1e6
            ratios = [spread(comparison.ratio(comparison.best(peer))) for peer in peers]
            over = f"{comparison.over_arithmetic(ours).median:.1f}"
            rows.append((comparison.workload, str(comparison.steps), f"{step:.0f}", over, *ratios))
    rate = statistics.median(rate for c in comparisons for rate in c.rates)
    title = f"## All ratios, {'one thread' if threads == 1 else f'{threads} threads'}\n"
    text = f"A large matrix product has {rate / 1e9:.0f} GFLOP/s here. A step is one of all rounds.\n"
    headings = "work", "steps", "minidl, µs a step", "over arithmetic", *peers
    return "\n".join((title, text, table(headings, rows)))


def _where(results: Results) -> list[str]:
    """The calls of the steps that fall short, but for those of less than a hundredth."""
    if not results.where:
        return []
    parts = ["## Where the time goes, in what falls short\n"]
    for breakdown in results.where:
        rows = [row for row in breakdown.rows() if row[-1] != "0%"]
        parts += [f"{breakdown.title}.\n", table(("call", "times", "µs", "part"), rows)]
    text = "Each call is timed on its own, with what it reads in the cache. `python -m benchmarks.where` prints all.\n"
    return [*parts, text]


def _growth(results: Results) -> list[str]:
    if not results.growth:
        return []
    rows = []
    for what, sizes in results.growth.items():
        for size, comparison in sizes.items():
            results_of = [comparison.best(peer) for peer in (MINIDL, EAGER, JAX)]
            steps = [f"{median(r) / comparison.steps * 1e6:,.0f}" if r else "—" for r in results_of]
            ratios = [spread(comparison.ratio(r)) for r in results_of[1:]]
            rows.append((f"{what} {size:,}", *steps, *ratios))
    headings = (
        "",
        "minidl, µs a step",
        f"{EAGER}, µs a step",
        f"{JAX}, µs a step",
        f"ratio to {EAGER}",
        f"ratio to {JAX}",
    )
    text = (
        "One thread, up to three turns. Rounds: the report's network at batch 10, PyTorch's members one by one. Width: "
        "64-width-width-10, relu, cross entropy, SGD, batch 100. Rows: the report's network at batch 100.\n"
    )
    return ["## Growth\n", text, "![growth](growth.svg)\n", table(headings, rows)]


def median(result: Result) -> float:
    return statistics.median(result.seconds)


def _first_step(results: Results) -> list[str]:
    if not results.first_step:
        return []
    beyond = Spread.of(ours - torch for ours, torch in results.first_step)
    torch = Spread.of(torch for _, torch in results.first_step)
    text = (
        f"From the start of `minidl train` to the end of its first step, as a plugin's hook sees it: {spread(beyond)} "
        f"s beyond `import torch`, which takes {spread(torch)} s itself. At most {FIRST_STEP_SECONDS} s is the bar. "
        f"Medians of {len(results.first_step)} pairs of processes in turn, on one core.\n"
    )
    return ["## Start-up\n", text]


def _details(results: Results) -> str:
    text = (
        "## What else was measured\n\n"
        "`First` is the time of building a training and running it once, beyond that of a later run: compilation, "
        "mostly. `Trained` is the part of the rounds that was trained. `Difference` is the largest relative one of the "
        f"final losses (last epoch, each round) to minidl's; above {TOLERANCE:g} one of the same arithmetic is "
        "marked.\n"
    )
    rows = []
    for comparison in results.comparisons:
        strangers = comparison.strangers()
        for result in comparison.results:
            difference = comparison.difference(result)
            shown = "—" if difference is None else f"{difference:.1e}"
            if not result.same_arithmetic:
                shown = f"loss {result.losses[0]:.3g}, minidl's {_loss_of_minidl(comparison):.3g}"
            mark = " **not the same**" if result in strangers else ""
            time = f"{median(result):.3f}" + ("" if len(result.seconds) == len(comparison.rates) else ", dropped")
            first = f"{max(0.0, result.first - median(result) * result.share):.1f}"
            trained = f"{result.share:.2g}"
            rows.append(
                (comparison.workload, str(comparison.threads), result.contestant, time, first, trained, shown + mark)
            )
        for name, reason in comparison.missing.items():
            rows.append((comparison.workload, str(comparison.threads), name, f"did not train: {reason}", "", "", ""))
    details = table(("work", "threads", "contestant", "seconds", "first, s", "trained", "difference"), rows)
    memory = [
        (one.workload, one.contestant, spread(Spread.of(one.peak)), spread(Spread.of(one.increase)))
        for one in results.memory
    ]
    if not memory:
        return f"{text}\n{details}"
    headings = "work", "contestant", "peak of the process, MiB", "increase by the training, MiB"
    note = (
        "The increase is beyond what the process had after a small training and with the data ready. PyTorch's process "
        "has some 70 MiB more by then, and reuses what of it was freed; minidl's has the weights and the optimizer's "
        "state once more until its first replay is checked.\n"
    )
    return f"{text}\n{details}\n{table(headings, memory)}\n{note}"


def _loss_of_minidl(comparison: Comparison) -> float:
    return next((r.losses[0] for r in comparison.results if r.peer == MINIDL), float("nan"))
