"""What a training was, and what it gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from minidl_core.cli.figures import print_figures

if TYPE_CHECKING:
    from minidl_core.errors import MinidlError
    from minidl_core.training import Training


def summary(training: Training, folder: Path | None, problem: MinidlError | None) -> dict[str, object]:
    """What a training was and gave, for programs."""
    from minidl_core.data.in_words import rows_of_each
    from minidl_core.data.splits import PARTS

    trained, data = training.trained, training.data
    return {
        "model": str(trained.model),
        "rows": {name: rows_of_each(getattr(data, name)) for name in PARTS},
        "columns": [{"name": c.name, "kind": c.kind, "categories": c.categories} for c in trained.features.columns],
        "target": trained.target_names,
        "classes": trained.classes,
        "loss": str(trained.loss),
        "optimizer": str(training.optimizer),
        "schedule": str(training.schedule),
        "rounds": len(trained.seeds),
        "seeds": list(trained.seeds),
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "best_epochs": training.best_epochs,
        "interrupted": training.interrupted,
        "problem": str(problem) if problem else None,
        "seconds": training.seconds,
        "out": str(folder) if folder else None,
        **dict.fromkeys(PARTS),
        **training.figures_to_json(),
    }


def print_summary(data: str, training: Training, folder: Path | None, wished: int) -> None:
    """The same for people."""
    from minidl_core.data.in_words import columns_in_words, parts_in_words, target_in_words
    from minidl_core.runs.report import FILE_NAME as REPORT

    trained, rows = training.trained, training.data
    seeds = trained.seeds
    rounds = f"{len(seeds)} rounds, seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    click.echo(f"data       {data}: {parts_in_words(rows)}")
    for heading, line in zip(["columns", *[""] * 2], columns_in_words(rows), strict=False):
        click.echo(f"{heading:<11}{line}")
    click.echo(f"target     {target_in_words(rows)}")
    click.echo(f"model      {trained.model}")
    click.echo(f"loss       {trained.loss}\noptimizer  {training.optimizer}\nschedule   {training.schedule}")
    epochs = f"{training.epochs} epochs" if training.epochs == wished else f"{training.epochs} of {wished} epochs"
    click.echo(f"training   {epochs} of batches of {training.batch_size}; {rounds}; ", nl=False)
    click.echo(f"{training.seconds:.1f} s")
    if training.best_epochs is not None:
        first, last = min(training.best_epochs), max(training.best_epochs)
        click.echo(f"best       epoch {first}" if first == last else f"best       epochs {first} to {last}, by round")
    click.echo()
    print_figures({part.upper(): figures for part, figures in training.parts.items()}, rows.classes)
    if folder:
        report = folder / REPORT
        click.echo(f"\nsaved in {folder}" + (f"; {report} shows it" if report.exists() else ""))
