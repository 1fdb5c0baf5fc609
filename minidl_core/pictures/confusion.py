"""Which classes are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minidl_core.pictures.colours import SHADES, readable_on
from minidl_core.pictures.drawing import SIZE, axes, figure, scale_of_shades
from minidl_core.pictures.picture import Picture
from minidl_core.pictures.wording import count, label, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minidl_core.pictures.rows import Rows

MOST_CLASSES = 60
"""Whose names can be read beside each other."""
MOST_NUMBERS = 20
"""Classes, of which each cell has its number written in it."""
NAME = 22
"""Characters of a class's name."""
LETTER = 0.6 / 72
"""How wide one is for each point of its size, in inches."""

Matrix = NDArray[np.float64]


def confusion(rows: Rows, classes: tuple[str, ...], rounds: int, is_weighted: bool) -> Picture:
    """True classes down, predicted ones across; of very many classes those that are most often mistaken."""
    true, predicted, weight = (one.numpy() for one in (rows.true, rows.predicted, rows.weight))
    kept = most_mistaken(true, predicted, weight, len(classes))
    matrix = matrix_of(true, predicted, weight, kept)
    of_class = np.bincount(true, weight, len(classes))[kept]
    share = matrix / np.where(of_class > 0, of_class, 1)[:, None]
    names = [label(classes[number], NAME) for number in kept]
    many = len(kept) > MOST_NUMBERS
    side = 5.2 if many else max(2.2, min(4.0, 0.75 * len(kept)))
    size = max(4.0, min(SIZE, 60 * side / len(kept)))  # of names, in points
    longest = max(map(width_of, names)) * size * LETTER
    is_turned = many or longest > 0.95 * side / len(kept)
    margin, below = 0.4 + longest, 0.4 + longest if is_turned else 0.5
    whole = figure(margin + side + 0.9, below + side + 0.15)
    area = axes(whole, margin, below, side, side)
    image = area.imshow(share, vmin=0, vmax=1, cmap=SHADES, interpolation="none", aspect="auto")
    _name(area, names, size, is_turned)
    if not many:
        _write_numbers(area, image.to_rgba(share), matrix, is_weighted)
    scale_of_shades(whole, (margin + side + 0.2, below, side), image, "share of the true class")
    return Picture(
        "confusion", "Confusion matrix", _caption(rows, len(kept), len(classes), rounds, many, is_weighted), whole
    )


def most_mistaken(
    true: NDArray[np.int64], predicted: NDArray[np.int64], weight: Matrix, classes: int
) -> NDArray[np.int64]:
    """The numbers of the classes that are shown, in order."""
    if classes <= MOST_CLASSES:
        return np.arange(classes)
    wrong = true != predicted
    mistakes = np.bincount(np.concatenate([true[wrong], predicted[wrong]]), np.tile(weight[wrong], 2), classes)
    order = np.lexsort((np.bincount(true, weight, classes), mistakes))
    return np.sort(order[::-1][:MOST_CLASSES])


def matrix_of(true: NDArray[np.int64], predicted: NDArray[np.int64], weight: Matrix, kept: NDArray[np.int64]) -> Matrix:
    """How much the rows of each true class, down, and each predicted one, across, weigh: of some classes."""
    places = [np.searchsorted(kept, one).clip(max=len(kept) - 1) for one in (true, predicted)]
    are_kept = (kept[places[0]] == true) & (kept[places[1]] == predicted)
    cells = places[0][are_kept] * len(kept) + places[1][are_kept]
    return np.bincount(cells, weight[are_kept], len(kept) ** 2).reshape(len(kept), len(kept)).astype(float)


def _name(area: Axes, names: list[str], size: float, is_turned: bool) -> None:
    places = range(len(names))
    area.set_xticks(places, names, fontsize=size, rotation=90 if is_turned else 0)
    area.set_yticks(places, names, fontsize=size)
    area.tick_params(length=0, pad=3)
    area.spines[:].set_visible(False)
    area.set_xlabel("predicted class")
    area.set_ylabel("true class")


def _write_numbers(area: Axes, shown: Matrix, matrix: Matrix, is_weighted: bool) -> None:
    """Of each cell but those of 0, in what is readable on its colour, `[K, K, 4]`."""
    size = 9.0 if len(matrix) <= 8 else 7.0 if len(matrix) <= 12 else 5.5
    for row, column in zip(*matrix.nonzero(), strict=True):
        value = matrix[row, column]
        number = f"{value:.3g}" if is_weighted else f"{round(value):,}" if value < 1e4 else f"{value:.2g}"
        colour = readable_on(*shown[row, column, :3])
        area.text(column, row, number, ha="center", va="center", fontsize=size, color=colour)


def _caption(rows: Rows, kept: int, classes: int, rounds: int, many: bool, is_weighted: bool) -> str:
    own = ", each predicted by the model of its round" if rounds > 1 else ""
    said = [f"Of {rows.in_words(rounds)}{own}: "]
    weighs = "what they weigh in all" if is_weighted else "how many rows"
    said[0] += "the share" if many else f"{weighs}, and in colour the share"
    said[0] += " of each true class that is taken for each class."
    if kept < classes:
        said.append(f"Shown are the {kept} of {count(classes, 'class', 'classes')} that are most often mistaken.")
    return " ".join(said)
