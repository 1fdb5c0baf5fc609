"""What the model answers in the plane of two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from minidl_core.data.examples import Examples
from minidl_core.errors import DataError
from minidl_core.pictures.colours import INK, PAPER, SHADES, marker, series
from minidl_core.pictures.drawing import SIZE, axes, figure, scale_of_shades
from minidl_core.pictures.picture import Picture
from minidl_core.pictures.ranges import padded
from minidl_core.pictures.rows import OPERATIONS, held_out, operations, points
from minidl_core.pictures.wording import count, label, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from minidl_core.training import Training

CELLS = range(40, 221)
"""Of the image, in each direction."""
POINTS = range(200, 1001)
"""At most: as many as the operations of a picture allow, since all rounds answer for each."""
MOST_NAMES = 14
"""Of classes, told beside the picture."""
MANY_MISTAKES = 0.1
"""The share of points from which rings around them are thin, so that not all is rings."""
ALIKE = 2.5
"""The ratio of two columns' ranges up to which they may well have one unit, where the ranges overlap too."""
TINT = 0.3
"""How much of its class's colour a region has."""

Numbers = NDArray[np.float64]
Extent = tuple[float, float, float, float]
"""Left, right, below and above."""


def regions(training: Training) -> Picture | None:
    """Decision regions or the predicted surface, with points; None where the columns are not two of numbers."""
    trained = training.trained
    columns = trained.features.columns
    if len(columns) != 2 or any(column.kind != "number" for column in columns):
        return None
    if len(trained.target_names) > 1:
        return None
    part, examples = held_out(training)
    allowed = int(OPERATIONS / operations(training))
    sample, total = points(examples, min(max(allowed, POINTS.start), POINTS.stop - 1))
    place = sample.features.numpy()
    if not len(place):
        return None
    limits = [padded(place[:, axis], 0.04) for axis in range(2)]
    if not np.isfinite(limits).all():
        return None
    try:
        surface = _numbered(trained.predict(_grid(allowed, limits)), trained.classes)
        answers = _numbered(trained.predict(sample.features), trained.classes)
    except DataError:  # an output somewhere is not finite
        return None
    side = int(len(surface) ** 0.5)
    is_square = _are_alike(limits)
    width, height = _size(limits, is_square)
    names = [label(name, 20) for name in trained.classes or ()]
    beside = 1.0 if trained.classes is None else 0.4 + 0.08 * max([*map(width_of, names[:MOST_NAMES]), 14])
    whole = figure(0.75 + width + beside, 0.55 + height + 0.1)
    area = axes(whole, 0.7, 0.55, width, height)
    area.set_xlim(*limits[0])
    area.set_ylim(*limits[1])
    area.set_xlabel(label(columns[0].name, 70))
    area.set_ylabel(label(columns[1].name, int(height * 14)))
    true, extent = sample.target.numpy(), (*limits[0], *limits[1])
    if trained.classes is None:
        image = _draw_surface(area, surface.reshape(side, side), extent, place, true[:, 0])
        name = label(trained.predicted_names[0], int(height * 14))
        scale_of_shades(whole, (0.7 + width + 0.2, 0.55, height), image, name)
    else:
        tints = np.array([(*to_rgb(series(number)), TINT) for number in range(len(trained.classes))])
        area.imshow(
            tints[surface.astype(int)].reshape(side, side, 4),
            extent=extent,
            origin="lower",
            aspect="auto",
            interpolation="none",
        )
        _draw_points(area, place, true, answers, names, label(trained.target_names[0], 22))
    is_split = isinstance(examples, Examples) and examples.features.dim() > 2
    caption = _caption(training, part, len(place), total, is_split)
    return Picture("regions", "Predicted surface" if trained.classes is None else "Decision regions", caption, whole)


def _grid(cells: int, limits: list[tuple[float, float]]) -> torch.Tensor:
    """The middles of about so many cells of an image, row by row from the lower left, `[n, 2]`."""
    side = min(max(int(cells**0.5), CELLS.start), CELLS.stop - 1)
    middles = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(*(low + (high - low) * middles for low, high in limits))
    return torch.from_numpy(np.stack([x.ravel(), y.ravel()], -1))


def _numbered(answers: list[Any], classes: tuple[str, ...] | None) -> Numbers:
    """Values, or the numbers of classes."""
    if classes is None:
        numbers = np.array(answers, dtype=float)
        return numbers if numbers.ndim == 1 else numbers[:, 0]  # of several that the loss says of a target, the first
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for name in answers], dtype=float)


def _are_alike(limits: list[tuple[float, float]]) -> bool:
    """Whether two columns may well have the same unit, so that a circle should look like one."""
    (low, high), (other_low, other_high) = limits
    ratio = (high - low) / (other_high - other_low)
    return 1 / ALIKE < ratio < ALIKE and min(high, other_high) > max(low, other_low)


def _size(limits: list[tuple[float, float]], is_square: bool) -> tuple[float, float]:
    """Of the axes, in inches."""
    if not is_square:
        return 4.8, 4.0
    width, height = (high - low for low, high in limits)
    return (4.8, 4.8 * height / width) if width > height else (4.6 * width / height, 4.6)


def _draw_points(area: Axes, place: Numbers, true: Numbers, answers: Numbers, names: list[str], title: str) -> None:
    """Those of a class alike, and a ring around those that are taken for another."""
    for number, name in enumerate(names):
        mine = true == number
        if not mine.any():
            continue
        shape, size = marker(number)
        area.plot(
            *place[mine].T,
            linestyle="",
            marker=shape,
            markersize=size,
            markerfacecolor=series(number),
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
            label=name if number < MOST_NAMES else None,
        )
    wrong = true != answers
    if wrong.any():
        are_many = wrong.mean() > MANY_MISTAKES
        area.plot(
            *place[wrong].T,
            linestyle="",
            marker="o",
            markersize=7 if are_many else 8.5,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=0.6 if are_many else 1.1,
            label=f"mistaken ({wrong.sum():,})",
        )
    area.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
        handletextpad=0.3,
        alignment="left",
        title=title,
        title_fontsize=SIZE,
    )


def _draw_surface(area: Axes, surface: Numbers, extent: Extent, place: Numbers, true: Numbers) -> AxesImage:
    low, high = padded(np.concatenate([surface.ravel(), true]), 0)
    image = area.imshow(
        surface, extent=extent, origin="lower", aspect="auto", interpolation="none", cmap=SHADES, vmin=low, vmax=high
    )
    area.scatter(
        place[:, 0], place[:, 1], c=true, s=22, cmap=SHADES, vmin=low, vmax=high, edgecolors="#ffffff", linewidths=0.7
    )
    return image


def _caption(training: Training, part: str, drawn: int, total: int, is_split: bool) -> str:
    rounds = len(training.trained.seeds)
    mean = f", the mean output of its {rounds} rounds" if rounds > 1 else ""
    among = f"{drawn:,} of the {count(total, f'{part} row')}" if drawn < total else f"the {count(total, f'{part} row')}"
    known = " Where rounds split one table, other rounds were trained on some of them." if is_split else ""
    if training.trained.classes is None:
        return (
            f"What the model answers{mean}, by the two columns, in colour; points are {among}, in the colour of their "
            f"true value, so that those which stand out are predicted badly.{known}"
        )
    return (
        f"What the model answers{mean}, by the two columns; points are {among}, in the colour of their true class, "
        f"with a ring around those that are taken for another.{known}"
    )
