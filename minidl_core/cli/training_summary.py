"""What a training was, and what it gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minidl_core.cli.figures import print_figures

if TYPE_CHECKING:
    from minidl_core.data.rounds import Examples, MappedExamples, RoundData
    from minidl_core.training import Training

MANY_NAMES = 8


def summary(training: Training, saved: Path | None) -> dict[str, object]:
    """What a training was and gave, for programs."""
    trained, data = training.trained, training.data
    return {
        "model": str(trained.model),
        "rows": {name: _rows(getattr(data, name)) for name in ("train", "validation", "test")},
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
        "seconds": training.seconds,
        "out": str(saved.parent) if saved else None,
        "train": {name: figure.to_json() for name, figure in training.train.items()},
        "validation": {name: figure.to_json() for name, figure in training.validation.items()}
        if training.validation
        else None,
        "test": {name: figure.to_json() for name, figure in training.test.items()} if training.test else None,
    }


def print_summary(data: str, training: Training, saved: Path | None, wished: int) -> None:
    """The same for people."""
    trained, rows = training.trained, training.data
    seeds = trained.seeds
    rounds = f"{len(seeds)} rounds, seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    click.echo(f"data       {data}: {_parts(rows)}")
    for heading, line in zip(["columns", *[""] * 2], _columns(rows), strict=False):
        click.echo(f"{heading:<11}{line}")
    click.echo(f"target     {_target(rows)}")
    click.echo(f"model      {trained.model}")
    click.echo(f"loss       {trained.loss}\noptimizer  {training.optimizer}\nschedule   {training.schedule}")
    epochs = f"{training.epochs} epochs" if training.epochs == wished else f"{training.epochs} of {wished} epochs"
    click.echo(f"training   {epochs} of batches of {training.batch_size}; {rounds}; ", nl=False)
    click.echo(f"{training.seconds:.1f} s")
    if training.best_epochs is not None:
        first, last = min(training.best_epochs), max(training.best_epochs)
        click.echo(f"best       epoch {first}" if first == last else f"best       epochs {first} to {last}, by round")
    click.echo()
    parts = {"TRAIN": training.train, "VALIDATION": training.validation, "TEST": training.test}
    print_figures({heading: figures for heading, figures in parts.items() if figures}, rows.classes)
    if saved:
        click.echo(f"\nsaved in {saved}")


def _parts(rows: RoundData) -> str:
    """`120 rows to train on, 30 to test on`"""
    parts = [f"{_count(rows.train)} rows to train on"]
    parts += [f"{_count(rows.validation)} to validate on"] if rows.validation else []
    parts += [f"{_count(rows.test)} to test on"] if rows.test else []
    return ", ".join(parts)


def _rows(examples: Examples | MappedExamples | None) -> int | list[int] | None:
    """How many each round has; a list where they have unequal numbers."""
    counts = getattr(examples, "counts", None)
    if counts or examples is None:
        return list(counts) if counts else None
    return examples.rows


def _count(examples: Examples | MappedExamples) -> str:
    rows = _rows(examples)
    return f"{min(rows)} to {max(rows)}" if isinstance(rows, list) else str(rows)


def _columns(rows: RoundData) -> Iterator[str]:
    """The columns of each kind that there are: `2 categories: sex (2), town (12)`"""
    for kind, singular, plural in (
        ("number", "number", "numbers"),
        ("boolean", "boolean", "booleans"),
        ("category", "category", "categories"),
    ):
        names = [
            f"{column.name} ({len(column.categories)})" if kind == "category" else column.name
            for column in rows.columns
            if column.kind == kind
        ]
        if names:
            more = f" and {len(names) - MANY_NAMES} more" if len(names) > MANY_NAMES else ""
            yield f"{len(names)} {singular if len(names) == 1 else plural}: {', '.join(names[:MANY_NAMES])}{more}"


def _target(rows: RoundData) -> str:
    """`species, 3 classes: setosa, versicolor, virginica`"""
    names = ", ".join(rows.target_names)
    if rows.classes is None:
        return f"{names}, {'a value' if len(rows.target_names) == 1 else 'values'}"
    more = f" and {len(rows.classes) - MANY_NAMES} more" if len(rows.classes) > MANY_NAMES else ""
    return f"{names}, {len(rows.classes)} classes: {', '.join(rows.classes[:MANY_NAMES])}{more}"
