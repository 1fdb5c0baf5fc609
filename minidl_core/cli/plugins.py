"""`minidl plugins`"""

from __future__ import annotations

import click

from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.plugins import loaded_plugins


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List the installed plugins, whether each is in use, and what it brings."""
    reports = loaded_plugins().reports
    if as_json:
        print_json(
            [
                {
                    "plugin": report.provider.plugin,
                    "distribution": report.provider.distribution,
                    "version": report.provider.version,
                    "entry_point": report.entry_point,
                    "state": report.state,
                    "reason": report.reason,
                    "components": [f"{one.kind} {one.name}" for one in report.components],
                }
                for report in reports
            ]
        )
        return
    rows = [
        (
            report.provider.plugin,
            f"{report.provider.distribution} {report.provider.version}",
            report.state,
            report.reason or ", ".join(one.name for one in report.components),
        )
        for report in reports
    ]
    print_table(("PLUGIN", "DISTRIBUTION", "STATE", "COMPONENTS OR REASON"), rows)
