"""The charts: ratios to each peer, and how times grow."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks.bars import BARS
from benchmarks.compare import Comparison
from benchmarks.peers import COMPILE, EAGER, FUNC, JAX, JAX_WHOLE, MINIDL, SKLEARN
from benchmarks.results import Results

# Okabe and Ito 2008: told apart by all kinds of colour vision; each has a marker of its own besides.
LOOKS = {
    MINIDL: ("#000000", "o"),
    EAGER: ("#D55E00", "s"),
    COMPILE: ("#CC79A7", "^"),
    FUNC: ("#56B4E9", "v"),
    JAX: ("#0072B2", "D"),
    JAX_WHOLE: ("#E69F00", "d"),
    SKLEARN: ("#009E73", "P"),
}
TITLES = {"rounds": "rounds at once", "width": "width of two hidden layers", "rows": "rows of the table"}
# Opaque, so that a page's dark background does not show through.
PAPER = {"facecolor": "white", "bbox_inches": "tight", "metadata": {"Date": None}}


def draw(results: Results, folder: Path) -> None:
    """Write the charts of what was measured."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {"svg.hashsalt": "minidl", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    )
    from matplotlib import pyplot

    if any(comparison.threads == 1 for comparison in results.comparisons):
        _ratios(results, folder, pyplot)
    if results.growth:
        _growth(results, folder, pyplot)


def _ratios(results: Results, folder: Path, pyplot: Any) -> None:
    comparisons = [comparison for comparison in results.comparisons if comparison.threads == 1][::-1]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.5 * len(comparisons)), layout="constrained")
    labelled: set[str] = set()
    for row, comparison in enumerate(comparisons):
        for place, peer in enumerate(peer for peer in LOOKS if peer != MINIDL):
            if ratio := comparison.ratio(comparison.best(peer)):
                colour, marker = LOOKS[peer]
                height = row + 0.3 - 0.12 * place
                axes.plot([ratio.low, ratio.high], [height, height], color=colour, linewidth=1.2)
                label = None if peer in labelled else peer
                axes.plot(ratio.median, height, marker, color=colour, markersize=5, label=label)
                labelled.add(peer)
                for bar in BARS:
                    if (bar.workload, bar.peer) == (comparison.workload, peer):
                        axes.plot(bar.at_least, height, "|", color=colour, markersize=11, markeredgewidth=2)
    axes.axvline(1, color="#555555", linewidth=1)
    axes.set_xscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_yticks(range(len(comparisons)), [comparison.workload for comparison in comparisons])
    axes.set_ylim(-0.6, len(comparisons) - 0.4)
    axes.grid(axis="x", color="#DDDDDD")
    axes.set_axisbelow(True)
    axes.set_xlabel("time of the peer / time of minidl, one thread: right of 1 minidl is faster; tall ticks: at least")
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(folder / "ratios.svg", **PAPER)
    pyplot.close(figure)


def _parts(what: str, comparison: Comparison) -> int:
    """Into how many parts a training's time is divided: rows change the number of steps, and so the epoch alone."""
    return comparison.epochs if what == "rows" else comparison.steps


def _growth(results: Results, folder: Path, pyplot: Any) -> None:
    figure, all_axes = pyplot.subplots(1, len(results.growth), figsize=(4 * len(results.growth), 3.4), squeeze=False)
    for axes, (what, sizes) in zip(all_axes[0], results.growth.items(), strict=True):
        for peer in MINIDL, EAGER, JAX:
            points = [(size, c, best) for size, c in sizes.items() if (best := c.best(peer))]
            colour, marker = LOOKS[peer]
            xs = [size for size, _, _ in points]
            ys = [1e3 * statistics.median(best.seconds) / _parts(what, c) for _, c, best in points]
            axes.plot(xs, ys, color=colour, marker=marker, markersize=4, linewidth=1.4, label=peer)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(color="#DDDDDD")
        axes.set_xlabel(TITLES[what])
        axes.set_ylabel("time of an epoch, ms" if what == "rows" else "time of a step, ms")
    all_axes[0][0].legend(frameon=False)
    figure.suptitle("One thread; both axes logarithmic", fontsize=9)
    figure.tight_layout()
    figure.savefig(folder / "growth.svg", **PAPER)
    pyplot.close(figure)
