"""`minidl diff`"""

from __future__ import annotations

import json
from typing import Any

import click

from minidl_core.cli import completion
from minidl_core.cli.figures import is_number, shown
from minidl_core.cli.output import json_option, print_json, print_table


@click.command()
@click.argument("a", shell_complete=completion.folder)
@click.argument("b", shell_complete=completion.folder)
@json_option
def diff(a: str, b: str, as_json: bool) -> None:
    """Show in what the requests of the runs A and B differ, and what came of each."""
    from minidl_core.data.splits import PARTS
    from minidl_core.runs.compare import by_name, differences
    from minidl_core.runs.record import read_record

    one, other = read_record(a), read_record(b)
    asked = differences(one.request, other.request)
    versions = differences(one.versions, other.versions)
    is_same_data = one.data.get("sha256") == other.data.get("sha256")
    figures = [
        {name: figure for name, figure in by_name(record.figures).items() if is_number(figure)}
        for record in (one, other)
    ]
    names = sorted({**figures[0], **figures[1]}, key=lambda name: PARTS.index(name.partition(" ")[0]))
    if as_json:
        print_json(
            {
                "request": {name: {"a": x, "b": y} for name, (x, y) in asked.items()},
                "versions": {name: {"a": x, "b": y} for name, (x, y) in versions.items()},
                "same_data": is_same_data,
                "scores": {name: {"a": figures[0].get(name), "b": figures[1].get(name)} for name in names},
            }
        )
        return
    rows = [(name, *map(_written, pair)) for name, pair in {**asked, **versions}.items()]
    if rows:
        print_table(("ASKED", a, b), rows)
    else:
        click.echo("both were asked for the same, of the same versions")
    if not is_same_data:
        click.echo("\ntheir rounds had other rows: the data, or how it was split, is another")
    click.echo()
    numbers = [(name, *(_number(of_run.get(name)) for of_run in figures)) for name in names]
    print_table(("SCORE", a, b), numbers)


def _number(figure: Any) -> str:
    return "-" if figure is None else shown(figure)


def _written(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
