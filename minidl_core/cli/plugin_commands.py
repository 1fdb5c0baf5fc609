"""Commands that plugins bring, through entry points of the group `minidl.commands`; each imported when it is called."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection
from importlib import metadata
from typing import Any

import click

from minidl_core.errors import PluginError
from minidl_core.foreign import foreign_code
from minidl_core.installed import find_entry_points, judge
from minidl_core.plugins import PluginReport

NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)

_BY_USE = ("disabled", "failed", "incompatible", "conflict", "ok")


class PluginCommand(click.Command):
    """A command of a plugin that is imported when it is called. One that cannot be used says why instead."""

    def __init__(self, report: PluginReport, entry_point: metadata.EntryPoint) -> None:
        provider = report.provider
        origin = f"From {provider.distribution} {provider.version}."
        hidden = report.state == "disabled" or not NAME.fullmatch(provider.plugin)
        super().__init__(provider.plugin, short_help=origin, hidden=hidden)
        self.report, self.entry_point = report, entry_point

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self.load().make_context(*args, **kwargs)

    def load(self) -> click.Command:
        """Import the command. Raises PluginError, with both ways out, where it cannot be used."""
        problem, cause = self.report.reason, None
        if not problem:
            try:
                with foreign_code():
                    command = self.entry_point.load()
                if isinstance(command, click.Command):
                    return command
                problem = f"'{self.entry_point.value}' is no click command"
            except PluginError as error:
                problem, cause = str(error), error
        if self.report.state == "disabled":
            raise self.error(f"cannot be used: it is {problem}")
        raise self.error(f"cannot be used: {problem}; {self.report.way_out}") from cause

    def error(self, what: str) -> PluginError:
        """An error that says whose command this is."""
        provider = self.report.provider
        return PluginError(f"the command '{self.name}' of {provider.distribution} {provider.version} {what}")


@functools.cache
def plugin_commands(own: Collection[str]) -> list[PluginCommand]:
    """The commands of all installed plugins by name; of several with one name, the one of most use is the last.

    Args:
        own: the names of minidl's own commands, which no plugin can take.
    """
    installed = find_entry_points()
    judged = judge(installed.commands, os.environ, also_known=installed.plugins)
    found = []
    for one in judged:
        name, state, reason = one.entry_point.name, one.state or "ok", one.reason
        usable = [other for other in judged if other.entry_point.name == name and not other.state]
        others = [other.provider for other in usable if other is not one]
        if state == "ok" and not NAME.fullmatch(name):
            state, reason = "failed", f"invalid command name {name!r}: a command's name is {NAME.pattern}"
        elif state == "ok" and name in own:
            state, reason = "conflict", f"minidl has a command '{name}' of its own"
        elif state == "ok" and others:
            whose = " and ".join(f"{other.distribution} {other.version}" for other in others)
            state, reason = "conflict", f"{whose} has a command '{name}' too"
        report = PluginReport(one.provider, one.entry_point.value, state, reason, disabled_by=one.disabled_by)
        found.append(PluginCommand(report, one.entry_point))
    return sorted(found, key=lambda command: (command.entry_point.name, _BY_USE.index(command.report.state)))
