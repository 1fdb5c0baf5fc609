"""The options of `minidl train` that say what is learned from, and what it is tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from minidl_core.cli import completion

_OPTIONS = (
    click.option(
        "--target", multiple=True, metavar="COLUMN", help="The column of a file to predict; several times for values."
    ),
    click.option(
        "--task", type=click.Choice(["classification", "regression"]), help="What the target is, if in doubt."
    ),
    click.option("--features", multiple=True, metavar="COLUMNS", help="To predict from: a,b,c.  [default: all others]"),
    click.option("--drop", multiple=True, metavar="COLUMNS", help="To leave out: a,b,c."),
    click.option("--categorical", multiple=True, metavar="COLUMNS", help="Columns of numbers that are categories."),
    click.option(
        "--missing",
        type=click.Choice(["median", "mean", "most_frequent", "drop"]),
        help="Fill missing cells in, from the training rows, or leave rows with any out.  [default: refuse them]",
    ),
    click.option(
        "--scaling",
        type=click.Choice(["standardize", "min_max", "none"]),
        default="standardize",
        show_default=True,
        help="Of columns of numbers.",
    ),
    click.option("--weight", metavar="COLUMN", help="How much each row counts."),
    click.option("--class-weight", type=click.Choice(["balanced"]), help="Let all classes count the same in training."),
    click.option("--test", metavar="DATA", shell_complete=completion.file, help="A file to test on."),
    click.option("--test-fraction", type=float, metavar="F", help="The part of the rows to test on.  [default: 0.2]"),
    click.option("--validation", metavar="DATA", shell_complete=completion.file, help="A file to validate on."),
    click.option(
        "--validation-fraction",
        type=float,
        metavar="F",
        help="The part of the other rows that is held out for --patience and --schedule; with 0 they go by the "
        "training loss.  [default: 0.2 with --patience, else 0]",
    ),
    click.option("--split", metavar="COLUMN", help="The column that says train, validation or test for each row."),
    click.option("--group", metavar="COLUMN", help="Rows with the same cell in it are never parted."),
    click.option("--time", metavar="COLUMN", help="The last rows by this column (dates, numbers) are for test."),
    click.option(
        "--folds", type=click.IntRange(2), metavar="K", help="K rounds, each tested on another K-th of the rows."
    ),
    click.option(
        "--resplit/--no-resplit", default=True, show_default=True, help="A new split for each round, or one for all."
    ),
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all of them, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
