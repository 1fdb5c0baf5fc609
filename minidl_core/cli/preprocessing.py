"""What a trained model makes of the columns of its data, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from minidl_core.cli.output import print_table

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.data.columns import Column
    from minidl_core.training import TrainedModel

MANY_CATEGORIES = 8


def trained_as_json(trained: TrainedModel) -> dict[str, Any]:
    """What becomes of the columns, and what is predicted."""
    return {
        "features": trained.features.to_json(),
        "target": trained.target_names,
        "target_scale": trained.target.to_json() if trained.target else None,
        "classes": trained.classes,
        "weight": trained.weight_name,
        "loss": str(trained.loss),
        "seeds": trained.seeds,
    }


def print_trained(trained: TrainedModel) -> None:
    """The same for people: a row for each column. Numbers are means and deviations over rounds."""
    features = trained.features
    missing = {None: "refused", "drop": "their rows are left out"}.get(features.missing, features.missing)
    classes = f", one of {', '.join(trained.classes)}" if trained.classes else ", values"
    click.echo(f"predicts   {', '.join(trained.target_names)}{classes}")
    click.echo(f"loss       {trained.loss}")
    click.echo(f"rounds     {len(trained.seeds)}")
    click.echo(f"scaling    {features.scaling}")
    click.echo(f"missing    {missing}\n")
    columns = list(enumerate(features.columns))
    table = [(column.name, column.kind, _input(trained, place, column)) for place, column in columns]
    if features.fill is None:
        print_table(("COLUMN", "KIND", "INPUT"), table)
    else:
        filled = [(*row, _filled(trained, *column)) for row, column in zip(table, columns, strict=True)]
        print_table(("COLUMN", "KIND", "INPUT", "WHERE MISSING"), filled)
    click.echo()


def _input(trained: TrainedModel, place: int, column: Column) -> str:
    """What a cell becomes."""
    features = trained.features
    if column.kind == "boolean":
        return "0 or 1"
    if column.kind == "number":
        offset, scale = (_over_rounds(tensor[..., place]) for tensor in (features.offset, features.scale))
        return "x" if features.scaling == "none" else f"(x - {offset}) / {scale}"
    more = f" and {column.width - MANY_CATEGORIES} more" if column.width > MANY_CATEGORIES else ""
    return f"1 for its own of {column.width}: {', '.join(column.categories[:MANY_CATEGORIES])}{more}"


def _filled(trained: TrainedModel, place: int, column: Column) -> str:
    """What stands for a missing cell."""
    assert trained.features.fill is not None
    fill = trained.features.fill[..., place]
    if column.kind == "number":
        return _over_rounds(fill)
    words = column.categories if column.kind == "category" else ("false", "true")
    return ", ".join(sorted({words[int(number)] for number in fill.reshape(-1).tolist()}))


def _over_rounds(numbers: Tensor) -> str:
    """Their mean and deviation, to so many digits as matter in whatever unit."""
    mean = f"{float(numbers.mean()):.4g}"
    if numbers.numel() > 1:
        return f"({mean} ± {float(numbers.std()):.2g})"
    return f"({mean})" if mean.startswith("-") else mean
