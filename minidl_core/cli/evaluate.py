"""`minidl evaluate`"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from minidl_core.cli import completion
from minidl_core.cli.figures import metric_option, print_figures
from minidl_core.cli.output import json_option, print_json
from minidl_core.errors import DataError

if TYPE_CHECKING:
    from minidl_core.data import Column, MappedTable, Table
    from minidl_core.training import TrainedModel


@click.command()
@click.argument("model", shell_complete=completion.file)
@click.argument("data", shell_complete=completion.data)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample, where DATA is a dataset.")
@metric_option
@json_option
def evaluate(model: str, data: str, seed: int, metrics: tuple[str, ...], as_json: bool) -> None:
    """Measure MODEL, a model file or the folder of a run, on DATA: a file with the target, or a registered dataset."""
    from minidl_core.data.rounds import examples_of
    from minidl_core.training import load_model

    trained = load_model(model)
    table = _table(trained, data, seed)
    figures = trained.evaluate(examples_of(table), metrics)
    if as_json:
        found = {name: figure.to_json() for name, figure in figures.items()}
        print_json({"model": str(trained.model), "rows": len(table), "rounds": len(trained.seeds), "metrics": found})
        return
    click.echo(f"{len(table)} rows of {data}\n")
    print_figures({"MEAN ± STD" if len(trained.seeds) > 1 else "VALUE": figures}, trained.classes)


def _table(trained: TrainedModel, data: str, seed: int) -> Table | MappedTable:
    """The columns that the model was trained on."""
    from minidl_core.data import open_data
    from minidl_core.data.source import is_file, open_table_like
    from minidl_core.data.toy import Dataset
    from minidl_core.seeding import generator

    if is_file(data):
        features, targets, classes = trained.features, trained.target_names, trained.classes
        return open_table_like(data, features.columns, targets, classes, features.missing, trained.weight_name)
    dataset = open_data(data)
    assert isinstance(dataset, Dataset)
    table = dataset.sample(generator(seed, "data", "evaluate"))
    if (table.columns, table.classes) != (trained.features.columns, trained.classes):
        raise DataError(
            f"dataset '{data}' has {_said(table.columns, table.classes)}; the model was trained on "
            f"{_said(trained.features.columns, trained.classes)}"
        )
    return table


def _said(columns: Sequence[Column], classes: Sequence[str] | None) -> str:
    return f"features {', '.join(one.name for one in columns)} and classes {', '.join(classes or ('none',))}"
