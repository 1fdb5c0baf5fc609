"""`minidl predict`"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import click

from minidl_core.cli import completion
from minidl_core.errors import DataError, RequestError


@click.command()
@click.argument("model", shell_complete=completion.file)
@click.argument("data", shell_complete=completion.file)
@click.option("-o", "--output", metavar="FILE", help="A new file for the predictions.  [default: standard output]")
def predict(model: str, data: str, output: str | None) -> None:
    """Predict with MODEL, a model file or the folder of a run, for each row of the file DATA.

    Prints the rows as CSV with one more column, 'predicted TARGET': the class or the value. A model of several rounds
    predicts from the mean of their outputs.
    """
    from minidl_core.data.readers import check_columns, read_cells
    from minidl_core.training import load_model

    trained = load_model(model)
    cells = read_cells(data)
    check_columns(cells, trained.feature_names)
    predictions = trained.predict(cells.numbers(trained.feature_names))
    rows = [[*cells.header, f"predicted {trained.target_name}"]]
    for row, prediction in zip(cells.rows, predictions, strict=True):
        rows.append([*row, str(prediction)])
    if output is None:
        _write(rows, sys.stdout)
        return
    try:
        with Path(output).open("x", encoding="utf-8", newline="") as file:
            _write(rows, file)
    except FileExistsError:
        raise RequestError(f"'{output}' exists, and nothing is overwritten; give a new file") from None
    except OSError as error:
        raise DataError(f"cannot write '{output}': {error.strerror or error}") from None


def _write(rows: Iterable[list[str]], file: TextIO) -> None:
    csv.writer(file, lineterminator="\n").writerows(rows)
