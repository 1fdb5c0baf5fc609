"""`minidl plugins` and `minidl plugins doctor`"""

from __future__ import annotations

import click

from minidl_core.cli.main import own_commands
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.cli.plugin_commands import plugin_commands
from minidl_core.plugins import PluginReport, loaded_plugins


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """List the installed plugins, whether each is in use, and what it brings.

    'minidl plugins doctor' checks all that they bring.
    """
    if context.invoked_subcommand is not None:
        return
    reports = loaded_plugins().reports
    commands = [command.report for command in plugin_commands(own_commands())]
    if as_json:
        print_json(
            [{**_as_json(report), "components": _components(report), "command": None} for report in reports]
            + [{**_as_json(report), "components": [], "command": report.provider.plugin} for report in commands]
        )
        return
    rows = [(*_row(report), "; ".join(filter(None, [report.reason, _names(report)]))) for report in reports]
    rows += [(*_row(report), report.reason or f"command {report.provider.plugin}") for report in commands]
    print_table(("PLUGIN", "DISTRIBUTION", "ENTRY POINT", "STATE", "REASON AND WHAT IT BRINGS"), rows)


def _as_json(report: PluginReport) -> dict[str, object]:
    return {
        "plugin": report.provider.plugin,
        "distribution": report.provider.distribution,
        "version": report.provider.version,
        "entry_point": report.entry_point,
        "state": report.state,
        "reason": report.reason,
    }


def _components(report: PluginReport) -> list[str]:
    return [f"{one.kind} {one.name}" for one in report.components]


def _names(report: PluginReport) -> str:
    return ", ".join(one.name for one in report.components)


def _row(report: PluginReport) -> tuple[str, str, str, str]:
    provider = report.provider
    return provider.plugin, f"{provider.distribution} {provider.version}", report.entry_point, report.state
