"""How matplotlib draws here: the same whatever the user's settings are, without a trace in them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from minidl_core.pictures.colours import INK

FONT = "DejaVu Sans"
"""Comes with matplotlib."""
OTHER_FONTS = (
    "Noto Sans CJK",
    "Source Han Sans",
    "WenQuanYi",
    "Droid Sans Fallback",
    "Hiragino",
    "Yu Gothic",
    "SimHei",
)
"""Beginnings of the names of fonts with characters that it lacks, where they are installed."""
SIZE = 9.0
"""Of text, in points; a heading of a panel has it too."""
SMALL = 8.0
"""Of what stands at ticks."""
MOST_CHARACTERS = 5
"""There, where a number can be written in fewer."""

_SETTINGS: dict[Any, Any] = {
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SIZE,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "image.composite_image": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "minidl",
    "text.parse_math": False,  # a dollar in a name is a dollar
    **{f"{what}.{colour}": INK for what in ("xtick", "ytick") for colour in ("color", "labelcolor")},
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "grid.color"), INK),
}


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's own settings with a few of ours, and none of the user's; and nothing said of missing characters."""
    log = logging.getLogger("matplotlib")
    level = log.level
    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel(logging.ERROR)  # of a folder for its cache
        try:
            with matplotlib.rc_context({**own, **_SETTINGS, "font.family": _families()}):
                yield
        finally:
            log.setLevel(level)


@cache
def _families() -> list[str]:
    """The font, and after it those that are asked for what it lacks."""
    return [FONT, *sorted({font.name for font in fontManager.ttflist if font.name.startswith(OTHER_FONTS)})]


def figure(width: float, height: float) -> Figure:
    """An empty one, in inches."""
    return Figure(figsize=(width, height))


def axes(parent: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, from the lower left corner of the figure, with plain numbers at their ticks."""
    whole_width, whole_height = parent.get_size_inches()
    place = (left / whole_width, bottom / whole_height, width / whole_width, height / whole_height)
    area = parent.add_axes(place)
    for axis in area.xaxis, area.yaxis:
        axis.set_major_formatter(lambda value, _: number(value))
    return area


def number(value: float) -> str:
    """As it stands at a tick: `5e6` where 5000000 would take the place of the axis' name."""
    plain, short = f"{value:.7g}", f"{value:.4g}".replace("e+0", "e").replace("e-0", "e-")
    shown = short if len(short) < len(plain) > MOST_CHARACTERS and float(short) == float(plain) else plain
    return shown.replace("-", "\N{MINUS SIGN}")


def scale_of_shades(parent: Figure, beside: tuple[float, float, float], image: Any, label: str) -> None:
    """What the shades of an image mean; the strip's left and lower edge and its height are given in inches."""
    left, bottom, height = beside
    strip = axes(parent, left, bottom, 0.15, height)
    low, high = image.get_clim()
    steps = [[low + (high - low) * step / 127] for step in range(128)]
    strip.imshow(
        steps,
        cmap=image.get_cmap(),
        norm=image.norm,
        origin="lower",
        extent=(0, 1, low, high),
        aspect="auto",
        interpolation="none",
    )
    strip.set_xticks([])
    strip.yaxis.tick_right()
    strip.yaxis.set_label_position("right")
    strip.set_ylabel(label)
    strip.spines[:].set_visible(False)
