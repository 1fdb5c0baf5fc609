"""Commands that plugins bring, through entry points of the group `minidl.commands`; each imported when it is called."""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Collection
from importlib import metadata
from typing import Any

import click

from minidl_core.errors import PluginError
from minidl_core.foreign import foreign_code
from minidl_core.installed import COMMAND_GROUP, GROUP, in_fixed_order, left_out, provider_of, ways_out
from minidl_core.plugins import PluginReport
from minidl_core.registry import Provider

_BY_USE = ("disabled", "failed", "incompatible", "conflict", "ok")


class PluginCommand(click.Command):
    """A command of a plugin that is imported when it is called. One that cannot be used says why instead."""

    def __init__(self, report: PluginReport, entry_point: metadata.EntryPoint) -> None:
        provider = report.provider
        origin = f"From {provider.distribution} {provider.version}."
        super().__init__(provider.plugin, short_help=origin, hidden=report.state == "disabled")
        self.report, self.entry_point = report, entry_point

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self.load().make_context(*args, **kwargs)

    def load(self) -> click.Command:
        """Import the command. Raises PluginError, with both ways out, where it cannot be used."""
        problem = self.report.reason
        if not problem:
            try:
                with foreign_code():
                    command = self.entry_point.load()
                if isinstance(command, click.Command):
                    return command
                problem = f"'{self.entry_point.value}' is no click command"
            except PluginError as error:
                problem = str(error)
        provider = self.report.provider
        problem = f"it is {problem}" if self.report.state == "disabled" else f"{problem}; {self.report.way_out}"
        raise PluginError(
            f"the command '{self.name}' of {provider.distribution} {provider.version} cannot be used: {problem}"
        )


@functools.cache
def plugin_commands(own: Collection[str]) -> list[PluginCommand]:
    """The commands of all installed plugins by name; of several with one name, the one of most use is the last.

    Args:
        own: the names of minidl's own commands, which no plugin can take.
    """
    entry_points = in_fixed_order(metadata.entry_points(group=COMMAND_GROUP))
    providers = [provider_of(one) for one in (*entry_points, *metadata.entry_points(group=GROUP))]
    bearers: dict[str, list[Provider]] = defaultdict(list)
    for entry_point in entry_points:
        if _state(entry_point) is None:
            bearers[entry_point.name].append(provider_of(entry_point))
    found = []
    for entry_point in entry_points:
        provider = provider_of(entry_point)
        state, reason = _state(entry_point) or ("ok", "")
        others = [other for other in bearers[entry_point.name] if other != provider]
        if state == "ok" and entry_point.name in own:
            state, reason = "conflict", f"minidl has a command '{entry_point.name}' of its own"
        elif state == "ok" and others:
            whose = " and ".join(f"{other.distribution} {other.version}" for other in others)
            state, reason = "conflict", f"{whose} has a command '{entry_point.name}' too"
        way_out = ways_out(provider, providers)
        found.append(
            PluginCommand(PluginReport(provider, entry_point.value, state, reason, way_out=way_out), entry_point)
        )
    return sorted(found, key=lambda command: (command.entry_point.name, _BY_USE.index(command.report.state)))


def _state(entry_point: metadata.EntryPoint) -> tuple[str, str] | None:
    """State and reason of a command that must not be imported."""
    try:
        with foreign_code():
            return left_out(entry_point, os.environ)
    except PluginError as error:
        return "failed", str(error)
