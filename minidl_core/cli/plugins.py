"""`minidl plugins` and `minidl plugins doctor`"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import click

from minidl_core.cli.check import print_results, results_as_json, results_of
from minidl_core.cli.main import own_commands
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.cli.plugin_commands import PluginCommand, plugin_commands
from minidl_core.errors import PluginError
from minidl_core.nearest import listed
from minidl_core.plugins import STRICT, PluginReport, loaded_plugins

TORCH = 77
"""An exit code that nothing else has."""


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
            [{**_as_json(report), "command": None} for report in reports]
            + [{**_as_json(report), "command": report.provider.plugin} for report in commands]
        )
        return
    rows = [(*_row(report), "; ".join(filter(None, [report.reason, _brings(report)]))) for report in reports]
    rows += [(*_row(report), report.reason or f"command {report.provider.plugin}") for report in commands]
    print_table(("PLUGIN", "DISTRIBUTION", "ENTRY POINT", "STATE", "REASON AND WHAT IT BRINGS"), rows)


@plugins.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check all plugins: whether they load, without torch, can be imported, and pass the conformance kit."""
    os.environ.pop(STRICT, None)  # the first problem would hide the others
    reports = loaded_plugins().reports
    results = results_of([component for report in reports for component in report.components])
    commands = plugin_commands(own_commands())
    complaints = list(loaded_plugins().problems)
    complaints += [line for report in reports for line in _complaints(report)]
    complaints += [line for command in commands for line in _complaints_of_command(command)]
    healthy = not complaints and all(result.ok for _, found in results for result in found)
    if as_json:
        checks = [one for registration, found in results for one in results_as_json(registration, found)]
        print_json({"problems": complaints, "checks": checks})
    else:
        print_results(results)
        for line in [*complaints, *_verdict(healthy, [*reports, *(command.report for command in commands)])]:
            click.echo(line)
    return 0 if healthy else 1


def _verdict(healthy: bool, reports: list[PluginReport]) -> Iterator[str]:
    """What is said at the end: that nothing is wrong, and what was not looked at."""
    disabled = sorted({report.provider.plugin for report in reports if report.state == "disabled"})
    words = ["nothing is wrong with the plugins"] * healthy + [f"disabled: {listed(disabled)}"] * bool(disabled)
    if words:
        yield "; ".join(words)


def _complaints(report: PluginReport) -> Iterator[str]:
    """What is wrong with a plugin itself."""
    if report.state not in ("ok", "disabled"):
        yield f"{report}: {report.state}: {report.reason}"
    if report.manager and _imports_torch(report.entry_point.partition(":")[0]):
        yield f"{report} imports torch when it is loaded, which makes every command wait; import it where it is used"


def _imports_torch(module: str) -> bool:
    """Whether importing a module, in a fresh process, imports torch."""
    program = (
        f"import importlib, sys; importlib.import_module(sys.argv[1]); sys.exit({TORCH} * ('torch' in sys.modules))"
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        finished = subprocess.run([sys.executable, "-c", program, module], capture_output=True, check=False, timeout=60)
        return finished.returncode == TORCH
    return False


def _complaints_of_command(command: PluginCommand) -> Iterator[str]:
    """Why a command cannot be used, unless it is meant not to be."""
    if command.report.state == "disabled":
        return
    try:
        command.load()
    except PluginError as error:
        yield str(error)


def _as_json(report: PluginReport) -> dict[str, object]:
    return {
        "plugin": report.provider.plugin,
        "distribution": report.provider.distribution,
        "version": report.provider.version,
        "entry_point": report.entry_point,
        "state": report.state,
        "reason": report.reason,
        "components": [f"{one.kind} {one.name}" for one in report.components],
        "hooks": report.hooks,
    }


def _brings(report: PluginReport) -> str:
    names = [one.name for one in report.components]
    names += [f"hook {hook}" for hook in report.hooks if hook != "minidl_register_components"]
    return ", ".join(names)


def _row(report: PluginReport) -> tuple[str, str, str, str]:
    provider = report.provider
    return provider.plugin, f"{provider.distribution} {provider.version}", report.entry_point, report.state
