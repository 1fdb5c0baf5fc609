"""`minidl predict`"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minidl_core.cli import completion
from minidl_core.errors import DataError, RequestError
from minidl_core.persistence.whole_file import write_new

if TYPE_CHECKING:
    from minidl_core.training import TrainedModel


@click.command()
@click.argument("model", shell_complete=completion.file)
@click.argument("data", shell_complete=completion.file)
@click.option("-o", "--output", metavar="FILE", help="A new file for the predictions.  [default: standard output]")
def predict(model: str, data: str, output: str | None) -> None:
    """Predict with MODEL, a model file or the folder of a run, for each row of the file DATA, or of standard input (-).

    Prints the rows as CSV with one more column for each target, 'predicted TARGET': the class or the value, and more
    where the loss says more of each, such as quantiles. A model of several rounds predicts the mean of theirs.
    """
    from minidl_core.training import load_model

    if output is not None and Path(output).suffix.lower() in (".npy", ".npz", ".parquet", ".jsonl", ".ndjson", ".tsv"):
        raise RequestError(f"predictions are written as CSV; give a file that ends in .csv, and not '{output}'")
    parts = _predicted(load_model(model), data)
    first = next(parts)
    if output is None:
        sys.stdout.writelines(chain([first], parts))
        return
    write_new(output, (part.encode() for part in chain([first], parts)))


def _predicted(trained: TrainedModel, data: str) -> Iterator[str]:
    """The rows of a file with their predictions, as CSV; those of a mapped file bit by bit."""
    import torch

    from minidl_core.data.columns import require_columns
    from minidl_core.data.npy import NpyFile
    from minidl_core.data.source import is_mapped, open_features

    headings = [f"predicted {name}" for name in trained.predicted_names]
    columns = trained.features.columns
    if not is_mapped(data):
        frame, features = open_features(
            data, columns, trained.features.missing, [*trained.target_names, trained.weight_name]
        )
        _require_new(data, frame.columns, headings)
        yield frame.as_csv(dict(zip(headings, _by_target(trained, trained.predict(features)), strict=True)))
        return
    mapped = NpyFile.open(data)
    require_columns(data, mapped.columns, trained.features.names)
    _require_new(data, mapped.columns, headings)
    yield _as_csv([[*mapped.columns, *headings]])
    for first, values in mapped.read(0, mapped.rows):
        features = torch.from_numpy(mapped.numbers(values, trained.features.names, first))
        cells = [mapped.column(values, name).astype(str).tolist() for name in mapped.columns]
        yield _as_csv(zip(*cells, *_by_target(trained, trained.predict(features, first)), strict=True))


def _require_new(data: str, columns: Sequence[str], headings: Sequence[str]) -> None:
    """Raise DataError where a prediction would stand in the place of a column that is there."""
    if there := [name for name in headings if name in columns]:
        raise DataError(
            f"'{data}' has a column '{there[0]}' already, which is what the predictions are called; rename it"
        )


def _by_target(trained: TrainedModel, predictions: Sequence[Any]) -> list[Sequence[Any]]:
    """The predictions of each target."""
    return [predictions] if len(trained.predicted_names) == 1 else list(zip(*predictions, strict=True))


def _as_csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
