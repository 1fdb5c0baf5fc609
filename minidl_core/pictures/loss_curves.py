"""The loss, epoch after epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from minidl_core.pictures.colours import INK, series
from minidl_core.pictures.drawing import axes, figure, number
from minidl_core.pictures.picture import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from minidl_core.training import Training

MOST_EPOCHS = 1000
"""Which are more than a screen has dots."""
FEW_EPOCHS = 20
"""Of which each is marked."""
RATIO = 8
"""Of the greatest loss to the least, from which their logarithms show more."""
MANY_DECADES = 300
"""The ratio from which powers of ten are enough ticks."""
POWERS, BETWEEN = (1.0,), (1.0, 2.0, 5.0)
"""Where ticks stand, as times a power of ten."""
GREATEST = 1e300
"""A loss of which there can be a deviation and a margin above it."""
BAND = 0.2
"""How much of its colour a band has."""

Numbers = NDArray[np.float64]


def loss_curves(training: Training) -> Picture | None:
    """Of the training rows and of the validation rows: the mean over rounds, and their deviation. None of no epoch."""
    curves = {"training": _numbers(training.history)}
    if training.validation_history is not None:
        curves["validation"] = _numbers(training.validation_history)
    if not any(np.isfinite(curve).any() for curve in curves.values()):
        return None
    whole = figure(7.2, 3.5)
    area = axes(whole, 0.72, 0.5, 6.35, 2.6)
    bottom = _scale(area, list(curves.values()))
    for place, (part, curve) in enumerate(curves.items()):
        _draw(area, curve, part, place, bottom)
    curve = list(curves.values())[-1]
    has_best = any(training.best_epochs or ())
    if has_best:
        _mark_best(area, curve, training.best_epochs or (), series(len(curves) - 1))
    if curve.shape[-1] > 1:
        label = f"± 1 standard deviation ({curve.shape[-1]} rounds)"
        area.fill_between([], [], color=INK, alpha=BAND, linewidth=0, label=label)
    area.set_xlabel("epoch")
    area.set_ylabel("loss")
    area.set_xlim(0, max(1, training.epochs) * 1.02)
    area.locator_params(axis="x", integer=True)
    area.grid(alpha=0.15, linewidth=0.6)
    area.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, columnspacing=1.4, borderaxespad=0.3)
    return Picture("loss", "Loss", _caption(training, curves, has_best), whole)


def _numbers(history: Tensor) -> Numbers:
    """`[epochs, rounds]`, with NaN for what is not finite, or so great that a little more is not."""
    numbers: Numbers = history.double().reshape(len(history), math.prod(history.shape[1:])).numpy()
    return np.where(np.abs(numbers) < GREATEST, numbers, np.nan)


def _scale(area: Axes, curves: list[Numbers]) -> float:
    """Take a logarithmic scale where that shows more. Gives the least loss that it shows, below which bands may go."""
    numbers = np.concatenate([curve.ravel() for curve in curves])
    numbers = numbers[np.isfinite(numbers)]
    low, high = float(numbers.min()), float(numbers.max())
    if low <= 0 or high < RATIO * low:
        return -np.inf
    area.set_yscale("log")
    area.yaxis.set_major_locator(LogLocator(subs=POWERS if high > MANY_DECADES * low else BETWEEN, numticks=8))
    area.yaxis.set_major_formatter(lambda value, _: number(value))
    area.yaxis.set_minor_formatter(lambda *_: "")
    area.set_ylim(low / 1.15, high * 1.15)
    return low / 1.15


def _draw(area: Axes, curve: Numbers, part: str, place: int, bottom: float) -> None:
    """A line, and around it a band where there are several rounds."""
    epochs = np.arange(1, len(curve) + 1)
    shown = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), MOST_EPOCHS)).round().astype(int))
    has_any = shown[np.isfinite(curve[shown]).any(-1)]
    mean = np.full(len(curve), np.nan)
    mean[has_any] = np.nanmean(curve[has_any], -1)
    area.plot(
        epochs[shown],
        mean[shown],
        color=series(place),
        linestyle=("-", (0, (4, 1.5)))[place],
        linewidth=1.6,
        marker="os"[place] if len(curve) <= FEW_EPOCHS else "",
        markersize=4,
        label=part,
    )
    has_several = shown[np.isfinite(curve[shown]).sum(-1) > 1]
    if len(has_several):
        middle, std = mean[has_several], np.nanstd(curve[has_several], -1, ddof=1)
        area.fill_between(
            epochs[has_several],
            np.maximum(middle - std, bottom),
            middle + std,
            color=series(place),
            alpha=BAND,
            linewidth=0,
        )


def _mark_best(area: Axes, curve: Numbers, best: tuple[int, ...], colour: str) -> None:
    """A point on each round's own curve, or on the line of a single one."""
    epochs = [epoch for epoch in best if epoch]
    label = f"best, epoch {epochs[0]}" if len(best) == 1 else "best of each round"
    area.plot(
        epochs,
        [curve[epoch - 1, r] for r, epoch in enumerate(best) if epoch],
        linestyle="",
        marker="D",
        markersize=5 if len(best) < FEW_EPOCHS else 3.5,
        markerfacecolor="none",
        markeredgecolor=colour,
        label=label,
    )


def _caption(training: Training, curves: dict[str, Numbers], has_best: bool) -> str:
    rounds = len(training.trained.seeds)
    said = ["The training loss of an epoch is the mean of its batches, each before its step"]
    said[0] += "; the validation loss is that after the epoch." if "validation" in curves else "."
    if rounds > 1:
        said.append(f"Lines are the mean of {rounds} rounds, bands one standard deviation to each side.")
    if has_best:
        whose = "Each round has" if rounds > 1 else "The model has"
        said.append(f"{whose} the weights of its best epoch.")
    if missing := sum(int(np.isnan(curve).sum()) for curve in curves.values()):
        said.append(f"{missing} values that are too great, or no numbers, are left out.")
    return " ".join(said)
