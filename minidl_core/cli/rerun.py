"""`minidl rerun`"""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from typing import Any

import click

from minidl_core.cli import completion
from minidl_core.cli.interruption import Interruption
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.cli.progress import progress

FEW = 3


@click.command()
@click.argument("run", shell_complete=completion.folder)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
def rerun(run: str, quiet: bool, as_json: bool) -> int:
    """Repeat the run in the folder RUN, and say of each number whether it came out the same, bit for bit.

    Nothing is written. The exit code is 0 where all came out the same, else 1.
    """
    interruption = Interruption()
    with interruption.handled():
        with interruption.postponed():
            from minidl_core.runs.record import read_record
            from minidl_core.runs.repeat import repeat
        record = read_record(run)
        shown = nullcontext() if quiet else progress(record.request.get("epochs", 0))
        with redirect_stdout(sys.stderr), shown as on_epoch:
            _, numbers = repeat(run, on_epoch, interruption.stop)
    if interruption.signal:
        click.echo("minidl: interrupted; nothing is compared", err=True)
        return interruption.exit_code
    different = [one for one in numbers if not one.is_same]
    if as_json:
        print_json(
            {
                "run": run,
                "same": not different,
                "numbers": [
                    {"name": one.name, "same": one.is_same, "then": one.then, "now": one.now} for one in numbers
                ],
            }
        )
    else:
        print_table(
            ("NUMBER", "THEN", "NOW", ""),
            [(one.name, _shown(one.then), _shown(one.now), "same" if one.is_same else "different") for one in numbers],
        )
        click.echo(f"\n{len(numbers) - len(different)} of {len(numbers)} came out the same, bit for bit")
    return 1 if different else 0


def _shown(values: Any) -> str:
    """The first of many numbers; of matrices, how many there are."""
    if not values:
        return "-"
    if isinstance(values[0], list):
        return f"{len(values)} matrices"
    told = ", ".join("nan" if one is None else f"{one:.6g}" for one in values[:FEW])
    return told + (f" and {len(values) - FEW} more" if len(values) > FEW else "")
