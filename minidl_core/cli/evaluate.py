"""`minidl evaluate`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from minidl_core.cli import completion
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.errors import DataError

if TYPE_CHECKING:
    from minidl_core.data import MappedTable, Table
    from minidl_core.training import TrainedModel


@click.command()
@click.argument("model", shell_complete=completion.file)
@click.argument("data", shell_complete=completion.data)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample, where DATA is a dataset.")
@json_option
def evaluate(model: str, data: str, seed: int, as_json: bool) -> None:
    """Measure MODEL, a model file or the folder of a run, on DATA: a file with the target, or a registered dataset."""
    from minidl_core.data.rounds import examples_of
    from minidl_core.training import load_model

    trained = load_model(model)
    table = _table(trained, data, seed)
    figures = trained.evaluate(examples_of(table))
    if as_json:
        metrics = {name: figure.to_json() for name, figure in figures.items()}
        print_json({"model": str(trained.model), "rows": len(table), "rounds": len(trained.seeds), "metrics": metrics})
        return
    click.echo(f"{len(table)} rows of {data}\n")
    print_table(("", "MEAN ± STD" if len(trained.seeds) > 1 else "VALUE"), list(reversed(figures.items())))


def _table(trained: TrainedModel, data: str, seed: int) -> Table | MappedTable:
    """The columns that the model was trained on."""
    from minidl_core.data import open_data
    from minidl_core.data.source import is_file, open_data_like
    from minidl_core.data.toy import Dataset
    from minidl_core.seeding import generator

    if is_file(data):
        return open_data_like(data, trained.feature_names, trained.target_name, trained.classes)
    dataset = open_data(data)
    assert isinstance(dataset, Dataset)
    table = dataset.sample(generator(seed, "data", "evaluate"))
    if (table.feature_names, table.classes) != (trained.feature_names, trained.classes):
        raise DataError(
            f"dataset '{data}' has features {', '.join(table.feature_names)} and classes "
            f"{', '.join(table.classes or ('none',))}; the model was trained on {', '.join(trained.feature_names)} and "
            f"{', '.join(trained.classes or ('none',))}"
        )
    return table
