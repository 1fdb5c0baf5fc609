"""Loads and isolates plugins.

Each plugin is imported, checked and called alone. Its registrations are taken whole, or not at all. One that fails
is left out with a PluginWarning; ``MINIDL_STRICT_PLUGINS=1`` raises PluginError instead.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata

import pluggy

from minidl_core import builtins, hookspecs
from minidl_core.errors import PluginError, PluginWarning
from minidl_core.installed import (
    COMMAND_GROUP,
    CORE_DISTRIBUTION,
    GROUP,
    in_fixed_order,
    left_out,
    names_of_nothing,
    provider_of,
    ways_out,
)
from minidl_core.registry import CORE, NAME, Provider, Registrar, Registration, Registry

STRICT = "MINIDL_STRICT_PLUGINS"


@dataclass(frozen=True)
class PluginReport:
    """One plugin that is installed, and what became of it."""

    provider: Provider
    entry_point: str
    state: str
    """`ok`; `failed`, `disabled` or `incompatible`, which bring nothing; `conflict`: some names are others' too."""
    reason: str = ""
    components: tuple[Registration, ...] = ()
    manager: pluggy.PluginManager | None = field(default=None, compare=False, repr=False)
    """Calls this plugin's hooks, and no other's."""


@dataclass(frozen=True)
class LoadedPlugins:
    """What is registered, and a report on each plugin, the core first."""

    registry: Registry
    reports: list[PluginReport]


@functools.cache
def loaded_plugins() -> LoadedPlugins:
    """The installed plugins, loaded once in a process."""
    commands = metadata.entry_points(group=COMMAND_GROUP)
    return load_plugins(metadata.entry_points(group=GROUP), os.environ, also_known=commands)


def registry() -> Registry:
    """The components of the core and of all installed plugins."""
    return loaded_plugins().registry


def load_plugins(
    entry_points: Iterable[metadata.EntryPoint],
    environment: Mapping[str, str],
    also_known: Iterable[metadata.EntryPoint] = (),
) -> LoadedPlugins:
    """Load the core's own components and those of `entry_points`; no outcome depends on the order they come in.

    Args:
        also_known: entry points that `environment` may name beside them.
    """
    ordered = in_fixed_order(entry_points)
    for line in names_of_nothing([*ordered, *also_known], environment):
        complain(line, environment)
    core = Provider(CORE, CORE_DISTRIBUTION, metadata.version(CORE_DISTRIBUTION))
    manager = _checked(core, builtins)
    reports = [PluginReport(core, builtins.__name__, "ok", components=_registrations(core, manager), manager=manager)]
    reports += [_load(entry_point, environment) for entry_point in ordered]
    found = Registry()
    for report in reports:
        found.commit(report.components)
    reports = [_judged(report, reports, found) for report in reports]
    for report in reports:
        if report.state in ("failed", "incompatible", "conflict"):
            complain(_line(report, reports), environment)
    return LoadedPlugins(found, reports)


def complain(line: str, environment: Mapping[str, str]) -> None:
    """Say what is wrong with a plugin; where strictness is asked for, raise it."""
    if environment.get(STRICT, "") not in ("", "0"):
        raise PluginError(line)
    warnings.warn(line, PluginWarning, stacklevel=2)


@contextlib.contextmanager
def foreign_code() -> Iterator[None]:
    """Run a plugin's code: whatever it raises becomes a PluginError, and what it prints does not mix with results."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except PluginError:
        raise
    except BaseException as error:  # SystemExit, pytest's Skipped and others are no Exception
        raise PluginError(" ".join(": ".join(filter(None, (type(error).__name__, str(error)))).split())) from error


def _load(entry_point: metadata.EntryPoint, environment: Mapping[str, str]) -> PluginReport:
    provider = provider_of(entry_point)
    try:
        with foreign_code():
            if why_not := left_out(entry_point, environment):
                return PluginReport(provider, entry_point.value, *why_not)
            if provider.plugin == CORE:
                raise PluginError(f"the plugin name '{CORE}' is taken; its entry point must have another")
            manager = _checked(provider, entry_point.load())
            components = _registrations(provider, manager)
    except PluginError as error:
        return PluginReport(provider, entry_point.value, "failed", " ".join(str(error).split()))
    return PluginReport(provider, entry_point.value, "ok", components=components, manager=manager)


def _checked(provider: Provider, plugin: object) -> pluggy.PluginManager:
    """A plugin in a manager of its own, its hooks held against what minidl calls."""
    if not NAME.fullmatch(provider.plugin):
        raise PluginError(f"invalid plugin name {provider.plugin!r}: an entry point's name is [a-z][a-z0-9_]*")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, provider.plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError("it implements no hook of minidl; mark its functions with minidl_core.hookspecs.hookimpl")
    return manager


def _registrations(provider: Provider, manager: pluggy.PluginManager) -> tuple[Registration, ...]:
    """What one plugin registers, asked for alone, so that whatever it raises is its own."""
    registrar = Registrar(provider)
    manager.hook.minidl_register_components(registry=registrar)
    return tuple(registrar.registrations)


def _judged(report: PluginReport, reports: list[PluginReport], registry: Registry) -> PluginReport:
    """A plugin that works, with state `conflict` where a name of its is another's too."""
    if report.state != "ok" or report.provider.plugin == CORE:
        return report
    reasons = [
        f"{other.provider.distribution} {other.provider.version} has a plugin '{report.provider.plugin}' too"
        for other in reports
        if other is not report and other.provider.plugin == report.provider.plugin and other.state == "ok"
    ]
    for component in report.components:
        others = [one for one in registry.bearing(component.kind, component.name) if one is not component]
        if others:
            whose = " and ".join(_owner(one.provider) for one in others)
            advice = f"so write '{component.qualified_name}'"
            if len(registry.bearing(component.kind, component.qualified_name)) > 1:
                advice = "and neither can be named until one is disabled"
            reasons.append(f"{component.kind} '{component.name}' is also {whose}, {advice}")
    return replace(report, state="conflict", reason="; ".join(reasons)) if reasons else report


def _owner(provider: Provider) -> str:
    if provider.plugin == CORE:
        return "built in"
    return f"that of '{provider.plugin}' ({provider.distribution} {provider.version})"


def _line(report: PluginReport, reports: list[PluginReport]) -> str:
    provider = report.provider
    outcome = "has names that are taken" if report.state == "conflict" else "is left out"
    return (
        f"plugin '{provider.plugin}' ({provider.distribution} {provider.version}) {outcome}: {report.reason}; "
        f"{ways_out(provider, [other.provider for other in reports])}"
    )
