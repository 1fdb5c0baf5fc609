"""Figures of parts of the data, and the option that asks for more of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from minidl_core.cli import completion
from minidl_core.cli.output import print_table

if TYPE_CHECKING:
    from minidl_core.training.statistics import Figure, Statistics

metric_option = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="SPEC",
    shell_complete=completion.spec("metric"),
    help="What to measure beside the loss and accuracy or r2: f1, roc_auc, ...; may be given several times.",
)


def print_figures(parts: Mapping[str, Mapping[str, Figure]], classes: Sequence[str] | None) -> None:
    """A row for each metric, the loss last, with a column for each part, by its heading; then a table a matrix."""
    from minidl_core.training import MatrixStatistics

    first = next(iter(parts.values()))
    names = [*(name for name in first if name != "loss"), "loss"]
    matrices = [name for name in names if isinstance(first[name], MatrixStatistics)]
    numbers = [name for name in names if name not in matrices]
    print_table(("", *parts), [(name, *(figures[name] for figures in parts.values())) for name in numbers])
    for name in matrices:
        for heading, figures in parts.items():
            matrix = figures[name]
            assert isinstance(matrix, MatrixStatistics)
            part = f" {heading}" if len(parts) > 1 else ""
            click.echo(f"\n{name}{part}: true classes down, predicted ones across")
            rows = zip(classes or (), matrix.cells, strict=True)
            print_table(("", *(classes or ())), [(true, *map(_counted, cells)) for true, cells in rows])


def _counted(cell: Statistics) -> str:
    """A number of rows, or a sum of their weights; over rounds its mean and deviation."""
    return f"{cell.mean:.6g}" if cell.std is None else f"{cell.mean:.6g} ± {cell.std:.3g}"


def is_number(figure: Any) -> bool:
    """Whether a figure as a run has it is one number a round, and no matrix."""
    return isinstance(figure, dict) and isinstance(figure.get("mean"), int | float | None)


def shown(figure: dict[str, Any]) -> str:
    """Mean and deviation of a figure as a run has it; a number that is not finite is null in JSON."""
    mean, std = figure.get("mean"), figure.get("std")
    said = "nan" if mean is None else f"{mean:.3f}"
    return said if std is None else f"{said} ± {std:.3f}"
