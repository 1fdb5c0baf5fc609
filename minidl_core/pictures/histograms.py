"""Small histograms side by side, one for each layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from minidl_core.pictures.colours import series
from minidl_core.pictures.drawing import SMALL, axes, figure
from minidl_core.pictures.ranges import padded
from minidl_core.pictures.wording import label

ACROSS = 4
BINS = range(8, 41)
"""Of so many numbers as there are, few for few."""
RARE = 0.01
"""The share of a parameter's numbers that may be so much smaller than the others that they are drawn at the edge."""
DECADES = 12
"""Below the greatest size, that are shown at most."""
WIDTH, HEIGHT, GAP = 7.2, 1.25, 0.55
"""Of the figure, of a panel, and below a panel, in inches."""

Numbers = NDArray[np.float64]
Layers = dict[str, dict[str, Numbers]]
"""The numbers of each parameter, in all rounds together, by its name; by its layer's heading."""


def values_of(layers: Layers) -> Figure:
    """Each layer on an axis of its own."""

    def draw(area: Axes, parameters: dict[str, Numbers], colours: dict[str, str]) -> None:
        together = np.concatenate(list(parameters.values()))
        limits = padded(together, 0.02) if together.size else (0.0, 1.0)
        for name, numbers in parameters.items():
            _outline(area, numbers, len(numbers), limits, list(colours).index(name))

    return _panels(layers, draw, "across: the value")


def sizes_of(layers: Layers) -> Figure:
    """The absolute values, on one axis of powers of ten for all; what is 0 is told in words."""
    sizes = [np.abs(numbers[numbers != 0]) for parameters in layers.values() for numbers in parameters.values()]
    sizes = [size for size in sizes if size.size]
    greatest = max(float(size.max()) for size in sizes)
    least = max(min(float(np.quantile(size, RARE, method="lower")) for size in sizes), greatest / 10.0**DECADES)
    limits = padded(np.log10([least, greatest]), 0.04)

    def draw(area: Axes, parameters: dict[str, Numbers], colours: dict[str, str]) -> None:
        for name, numbers in parameters.items():
            shown = np.abs(numbers[numbers != 0]).clip(min=least)
            _outline(area, np.log10(shown), len(numbers), limits, list(colours).index(name))
        together = np.concatenate(list(parameters.values()))
        if zeros := (together == 0).sum():
            share = f"{max(1, round(100 * zeros / together.size))} % are 0"
            area.text(0.02, 0.99, share, transform=area.transAxes, va="top", fontsize=SMALL)
            area.set_ylim(top=1.2 * area.dataLim.ymax)
        area.set_xlim(limits)
        area.xaxis.set_major_formatter(lambda value, _: f"{10.0**value:.0e}".replace("e-0", "e-").replace("e+0", "e"))

    return _panels(layers, draw, "across: the absolute value", integer=True)


def _panels(
    layers: Layers,
    draw: Callable[[Axes, dict[str, Numbers], dict[str, str]], None],
    across: str,
    integer: bool = False,
) -> Figure:
    names = dict.fromkeys(name for parameters in layers.values() for name in parameters)
    colours = {name: series(number) for number, name in enumerate(names)}
    columns, rows = min(ACROSS, max(2, len(layers))), -(-len(layers) // ACROSS)
    width = (WIDTH - 0.2) / columns
    whole = figure(WIDTH, 0.2 + rows * (HEIGHT + GAP))
    for number, (heading, parameters) in enumerate(layers.items()):
        row, column = divmod(number, columns)
        place = 0.2 + column * width, GAP - 0.27 + (rows - 1 - row) * (HEIGHT + GAP)
        area = axes(whole, *place, width - 0.25, HEIGHT)
        draw(area, parameters, colours)
        area.set_title(label(heading, int((width - 0.1) * 13)), loc="left", pad=3)
        area.set_yticks([])
        area.spines["left"].set_visible(False)
        area.set_ylim(bottom=0)
        area.locator_params(axis="x", nbins=4, integer=integer)
    keys = [Patch(facecolor=(colour, 0.25), edgecolor=colour, label=name) for name, colour in colours.items()]
    whole.legend(handles=keys, loc="upper left", bbox_to_anchor=(0.018, 1.0), ncols=4, borderaxespad=0.1)
    whole.text(0.985, 1 - 0.06 / whole.get_figheight(), f"{across}, up: how frequent it is", ha="right", va="top")
    return whole


def _outline(area: Axes, numbers: Numbers, of: int, limits: tuple[float, float], number: int) -> None:
    """How dense so many numbers are, those that are not shown among them: filled, within a line of a series' own."""
    bins = min(max(int(2 * len(numbers) ** 0.5), BINS.start), BINS.stop - 1)
    found, edges = np.histogram(numbers, bins, limits)
    density = found * bins / max(1, of)
    colour = series(number)
    area.stairs(density, edges, fill=True, facecolor=(colour, 0.25), linewidth=0)
    area.stairs(density, edges, color=colour, linewidth=1.2, linestyle=("-", (0, (3, 1)), ":", "-.")[number % 4])
