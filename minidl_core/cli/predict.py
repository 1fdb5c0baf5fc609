"""`minidl predict`"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from minidl_core.cli import completion
from minidl_core.errors import DataError, RequestError

if TYPE_CHECKING:
    from minidl_core.training import TrainedModel


@click.command()
@click.argument("model", shell_complete=completion.file)
@click.argument("data", shell_complete=completion.file)
@click.option("-o", "--output", metavar="FILE", help="A new file for the predictions.  [default: standard output]")
def predict(model: str, data: str, output: str | None) -> None:
    """Predict with MODEL, a model file or the folder of a run, for each row of the file DATA.

    Prints the rows as CSV with one more column, 'predicted TARGET': the class or the value. A model of several rounds
    predicts from the mean of their outputs.
    """
    from minidl_core.training import load_model

    if output is not None and output.lower().endswith(".npy"):
        raise RequestError(f"predictions are written as CSV; give a file that ends in .csv, and not '{output}'")
    rows = _predicted(load_model(model), data)
    first = next(rows)
    if output is None:
        _write(chain([first], rows), sys.stdout)
        return
    path = Path(output)
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise RequestError(f"'{output}' exists, and nothing is overwritten; give a new file") from None
    except OSError as error:
        raise DataError(f"cannot write '{output}': {error.strerror or error}") from None
    try:
        with file:
            _write(chain([first], rows), file)
    except BaseException as error:
        path.unlink()  # a part of the predictions would be taken for all
        if isinstance(error, OSError):
            raise DataError(f"cannot write '{output}': {error.strerror or error}") from None
        raise


def _predicted(trained: TrainedModel, data: str) -> Iterator[Sequence[str]]:
    """The header, and each row with its prediction. Only the rows of a mapped file are read, and refused, after it."""
    import torch

    from minidl_core.data.npy import NpyFile
    from minidl_core.data.readers import check_columns, read_cells
    from minidl_core.data.source import is_mapped

    predicted = f"predicted {trained.target_name}"
    if is_mapped(data):
        mapped = NpyFile.open(data)
        check_columns(data, mapped.columns, trained.feature_names)
        yield [*mapped.columns, predicted]
        for first, values in mapped.read(0, mapped.rows):
            features = torch.from_numpy(mapped.numbers(values, trained.feature_names, first))
            columns = [mapped.column(values, name).astype(str).tolist() for name in mapped.columns]
            yield from zip(*columns, map(str, trained.predict(features, first)), strict=True)
        return
    cells = read_cells(data)
    check_columns(data, cells.header, trained.feature_names)
    predictions = trained.predict(cells.numbers(trained.feature_names))
    yield [*cells.header, predicted]
    for row, prediction in zip(cells.rows, predictions, strict=True):
        yield [*row, str(prediction)]


def _write(rows: Iterable[Sequence[str]], file: TextIO) -> None:
    csv.writer(file, lineterminator="\n").writerows(rows)
