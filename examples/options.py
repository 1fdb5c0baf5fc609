"""What the examples have in common: their options, and how they show what came out."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from minidl_core.training import Training

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Options:
    """How long and how often an example trains, and where its picture goes."""

    epochs: int
    rounds: int
    seed: int
    picture: Path | None


def options(about: str | None, epochs: int, rounds: int) -> Options:
    """Those of the command line; `epochs` and `rounds` are the example's own."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--epochs", type=int, default=epochs, help=f"of each training (default: {epochs})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"each with data of its own (default: {rounds})")
    parser.add_argument("--seed", type=int, default=0, help="of the first round (default: 0)")
    parser.add_argument("--picture", type=Path, help="a PNG file to draw into")
    return Options(**vars(parser.parse_args()))


def show(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table."""
    table = Table(box=SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)


def show_networks(trainings: Mapping[str, Training]) -> None:
    """Print a table of how well networks tell classes apart."""
    rows = []
    for name, training in trainings.items():
        weights = training.trained.model.parameters.values.shape[-1]
        accuracies = training.train["accuracy"], training.test["accuracy"] if training.test else ""
        rows.append((name, f"{weights:,}", *accuracies, f"{training.seconds:.1f} s"))
    show(("network", "weights", "train accuracy", "test accuracy", "time"), rows)
