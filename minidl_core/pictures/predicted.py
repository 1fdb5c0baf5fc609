"""Predicted values against true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minidl_core.pictures.colours import INK, series
from minidl_core.pictures.drawing import axes, figure
from minidl_core.pictures.picture import Picture
from minidl_core.pictures.ranges import padded
from minidl_core.pictures.wording import label

if TYPE_CHECKING:
    from minidl_core.pictures.rows import Rows

MOST_POINTS = 1500
MOST_TARGETS = 9
ACROSS = 3


def predicted_values(rows: Rows, names: tuple[str, ...], rounds: int) -> Picture | None:
    """A panel for each target, in its own units. None where no value is finite."""
    true, predicted = rows.true.numpy(), rows.predicted.numpy()
    is_finite = (np.isfinite(true) & np.isfinite(predicted)).all(-1)
    true, predicted = true[is_finite], predicted[is_finite]
    if not len(true):
        return None
    shown = names[:MOST_TARGETS]
    every = slice(None, None, -(-len(true) * len(shown) // MOST_POINTS))
    true, predicted = true[every], predicted[every]
    across = min(ACROSS, len(shown))
    down = -(-len(shown) // across)
    side = 3.6 if across == 1 else 5.5 / across
    left, gap = 0.75, 0.55
    whole = figure(left + across * side + (across - 1) * gap + 0.1, down * (side + gap) + 0.05)
    for number, name in enumerate(shown):
        row, column = divmod(number, across)
        place = left + column * (side + gap), gap - 0.05 + (down - 1 - row) * (side + gap)
        area = axes(whole, *place, side, side)
        low, high = padded(np.stack([true[:, number], predicted[:, number]]), 0.04)
        area.axline((low, low), (high, high), color=INK, linewidth=1, linestyle=(0, (4, 3)))
        area.plot(
            true[:, number],
            predicted[:, number],
            linestyle="",
            marker="o",
            markersize=4.5,
            markerfacecolor=(series(0), 0.45),
            markeredgewidth=0,
        )
        area.set_xlim(low, high)
        area.set_ylim(low, high)
        area.locator_params(nbins=5 if across == 1 else 4)
        area.set_xlabel(f"true {label(name, 60 if across == 1 else 26)}")
        if column == 0:
            area.set_ylabel("predicted")
    return Picture("predicted", "Predicted and true values", _caption(rows, len(true), is_finite, names, rounds), whole)


def _caption(rows: Rows, drawn: int, is_finite: np.ndarray, names: tuple[str, ...], rounds: int) -> str:
    among = f"{drawn:,} of the {rows.total:,}" if drawn < rows.total else f"The {rows.total:,}"
    of_rounds = f" of {rounds} rounds, each predicted by the model of its round" if rounds > 1 else ""
    said = [f"{among} {rows.part} rows{of_rounds}, in the target's own units; on the dashed line both are equal."]
    if len(names) > MOST_TARGETS:
        said.append(f"{len(names) - MOST_TARGETS} more targets are left out.")
    if not is_finite.all():
        said.append(f"{(~is_finite).sum():,} rows whose values are not finite are left out.")
    return " ".join(said)
