"""`minidl runs`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from minidl_core.cli import completion
from minidl_core.cli.figures import is_number, shown
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.errors import ModelFileError, RequestError


@click.command()
@click.argument("folder", default="runs", shell_complete=completion.folder)
@json_option
def runs(folder: str, as_json: bool) -> None:
    """List the runs in FOLDER (by default runs), with what came of each.

    The scores are those on the part for test, or for validation or training where there is no such part.
    """
    from minidl_core.runs.compare import runs_in, scores, state_of

    if not Path(folder).is_dir():
        raise RequestError(f"there is no folder '{folder}'; train a model first, or name the folder of your runs")
    found, broken = [], []
    for path, record in runs_in(Path(folder)):
        if isinstance(record, ModelFileError):
            broken.append(record)
        else:
            found.append((path, state_of(path, record), record))
    if as_json:
        print_json(
            [
                {
                    "run": str(path),
                    "state": state,
                    "started": one.started,
                    "epochs": one.epochs,
                    "seconds": one.seconds,
                    "request": one.request,
                    "scores": scores(one),
                }
                for path, state, one in found
            ]
        )
    elif found:
        rows: list[tuple[Any, ...]] = []
        for path, state, one in found:
            request = one.request
            epochs = f"{one.epochs}/{request.get('epochs')}"
            told = ", ".join(f"{name} {shown(figure)}" for name, figure in scores(one).items() if is_number(figure))
            rows.append((path, state, request.get("data"), epochs, len(one.seeds), request.get("model"), told or "-"))
        print_table(("RUN", "STATE", "DATA", "EPOCHS", "ROUNDS", "MODEL", "SCORES"), rows, right=("EPOCHS", "ROUNDS"))
    else:
        click.echo(f"no runs in {folder}")
    for error in broken:
        click.echo(f"minidl: {error}", err=True)
