"""What the tests of commands share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parents[1] / "examples" / "data"
NETWORK = "linear(_,8)-tanh-linear(8,_)"


class Ran(NamedTuple):
    """What became of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Minidl = Callable[..., Ran]

HELLO = '''
import click

@click.command()
@click.option("--name", default="you", show_default=True)
@click.argument("times", type=int, default=1)
def hello(name, times):
    """Say hello."""
    click.echo(" ".join([f"hello {name}"] * times))
'''


def unusable(reason: str, name: str = "broken", distribution: str = "", disable: str = "") -> str:
    """What is said of a command that cannot be used, with both ways out."""
    distribution = distribution or f"minidl-{name}"
    return (
        f"minidl: the command '{name}' of {distribution} 1.2.3 cannot be used: {reason}; disable it with "
        f"MINIDL_DISABLE_PLUGINS={disable or name} or remove it with 'pip uninstall {distribution}'\n"
    )


def commands_in_help(minidl: Minidl) -> dict[str, str]:
    """The commands by name, with what the help says of each."""
    shown = minidl("--help")
    assert (shown.code, shown.err) == (0, "")
    listed = shown.out.partition("Commands:\n")[2].splitlines()
    return dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in listed)


def listed(minidl: Minidl, command: str) -> dict[str, tuple[str, str]]:
    """State and reason of what brings a command, by distribution, as `minidl plugins --json` tells them."""
    reports = minidl("plugins", "--json").json()
    found = [report for report in reports if report["command"] == command]
    assert all(report["version"] == "1.2.3" and report["components"] == [] for report in found)
    return {report["distribution"]: (report["state"], report["reason"]) for report in found}
