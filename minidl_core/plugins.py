"""Loads and isolates plugins.

Each plugin is imported, checked and called alone. Its registrations are taken whole, or not at all. One that fails
is left out with a PluginWarning; ``MINIDL_STRICT_PLUGINS=1`` raises PluginError instead.
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata

import pluggy

from minidl_core import builtins, conflicts, hookspecs
from minidl_core.errors import PluginError, PluginWarning
from minidl_core.foreign import foreign_code, line
from minidl_core.installed import (
    CORE_DISTRIBUTION,
    Installed,
    find_entry_points,
    judge,
    names_of_nothing,
)
from minidl_core.nearest import did_you_mean
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
    disabled_by: str = ""
    """The name that disables it, and no other."""
    cause: BaseException | None = field(default=None, compare=False, repr=False)
    """Where it failed."""
    manager: pluggy.PluginManager | None = field(default=None, compare=False, repr=False)
    """Calls this plugin's hooks, and no other's."""

    @property
    def way_out(self) -> str:
        """What to do where it is of no use."""
        return self.provider.ways_out(self.disabled_by)

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that it implements."""
        if self.manager is None:
            return []
        [plugin] = self.manager.get_plugins()
        return sorted(caller.name for caller in self.manager.get_hookcallers(plugin) or [])

    def __str__(self) -> str:
        return f"plugin '{self.provider.plugin}' ({self.provider.distribution} {self.provider.version})"


@dataclass(frozen=True)
class LoadedPlugins:
    """What is registered, and a report on each plugin, the core first."""

    registry: Registry
    reports: list[PluginReport]
    problems: list[str] = field(default_factory=list)
    """What is wrong with the environment's lists, and with distributions that cannot be read."""


@functools.cache
def loaded_plugins() -> LoadedPlugins:
    """The installed plugins, loaded once in a process."""
    found = find_entry_points()
    return load_plugins(found.plugins, os.environ, found.commands, found.problems)


def registry() -> Registry:
    """The components of the core and of all installed plugins."""
    return loaded_plugins().registry


def load_plugins(
    entry_points: Iterable[metadata.EntryPoint],
    environment: Mapping[str, str],
    also_known: Iterable[metadata.EntryPoint] = (),
    problems: Iterable[str] = (),
) -> LoadedPlugins:
    """Load the core's own components and those of `entry_points`; no outcome depends on the order they come in.

    Args:
        also_known: entry points that `environment` may name beside them.
        problems: what is to be said of those that could not be read.
    """
    judged = judge(entry_points, environment, also_known)
    problems = [*problems, *names_of_nothing([*(one.entry_point for one in judged), *also_known], environment)]
    for problem in problems:
        complain(problem, environment)
    core = Provider(CORE, CORE_DISTRIBUTION, metadata.version(CORE_DISTRIBUTION))
    manager = _checked(core, builtins)
    reports = [PluginReport(core, builtins.__name__, "ok", components=_registrations(core, manager), manager=manager)]
    reports += [_load(one) for one in judged]
    left_out = [report for report in reports if report.state != "ok"]
    found = Registry(f"{report.provider.plugin} ({report.state})" for report in left_out)
    for report in reports:
        found.commit(report.components)
    for report in left_out:
        if report.state != "disabled":
            complain(f"{report} is left out: {report.reason}; {report.way_out}", environment, report.cause)
    in_use = [report.provider for report in reports if report.state == "ok" and report.provider != core]
    for conflict in conflicts.lines(in_use, {report.provider: report.disabled_by for report in reports}, found):
        complain(conflict, environment)
    return LoadedPlugins(found, [_with_conflicts(report, in_use, found) for report in reports], problems)


def complain(text: str, environment: Mapping[str, str], cause: BaseException | None = None) -> None:
    """Say what is wrong with a plugin; where strictness is asked for, raise it."""
    is_strict = environment.get(STRICT, "") not in ("", "0")
    problem = PluginError(text) if is_strict else PluginWarning(text)
    if cause is not None:
        problem.__cause__ = cause
    if isinstance(problem, PluginError):
        raise problem
    warnings.warn(problem, stacklevel=2)


def _load(installed: Installed) -> PluginReport:
    """Import a plugin, check and call it; one that is left out already is reported as it is."""
    entry_point, provider = installed.entry_point, installed.provider
    report = PluginReport(
        provider, entry_point.value, installed.state or "ok", installed.reason, disabled_by=installed.disabled_by
    )
    if installed.state:
        return report
    try:
        # A plugin may change what becomes of warnings, for itself.
        with warnings.catch_warnings(), foreign_code():
            if provider.plugin == CORE:
                raise PluginError(f"the plugin name '{CORE}' is taken; its entry point must have another")
            if not entry_point.pattern.match(entry_point.value):
                raise PluginError(f"its entry point '{entry_point.value}' is not 'module' or 'module:object'")
            manager = _checked(provider, entry_point.load())
            components = _registrations(provider, manager)
    except PluginError as error:
        return replace(report, state="failed", reason=line(str(error)), cause=error.__cause__ or error)
    return replace(report, components=components, manager=manager)


def _checked(provider: Provider, plugin: object) -> pluggy.PluginManager:
    """A plugin in a manager of its own, its hooks held against what minidl calls."""
    if not NAME.fullmatch(provider.plugin):
        raise PluginError(f"invalid plugin name {provider.plugin!r}: an entry point's name is [a-z][a-z0-9_]*")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_hooks(plugin)
    manager.register(plugin, provider.plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError("it implements no hook of minidl; mark its functions with minidl_core.hookimpl")
    return manager


def _check_hooks(plugin: object) -> None:
    """Raise PluginError, with what to write, for a hook that is none of minidl's or takes what minidl does not give.

    pluggy refuses them too, in other words; and a plugin that raises when it is asked for a hook, it may pass over.
    """
    reader = pluggy.PluginManager(hookspecs.PROJECT)
    for attribute in sorted({*hookspecs.HOOKS, *dir(plugin)}):
        getattr(plugin, attribute, None)
        options = reader.parse_hookimpl_opts(plugin, attribute) if hasattr(plugin, attribute) else None
        if options is None:
            continue
        hook = options["specname"] or attribute
        if hook not in hookspecs.HOOKS:
            raise PluginError(f"'{hook}' is no hook of minidl; {did_you_mean(hook, hookspecs.HOOKS)}")
        given = list(inspect.signature(hookspecs.HOOKS[hook]).parameters)
        taken = inspect.signature(getattr(plugin, attribute)).parameters
        if wrong := [argument for argument in taken if argument not in given]:
            raise PluginError(
                f"its hook {hook} takes {', '.join(map(repr, wrong))}, which minidl does not give; it gives "
                f"{', '.join(map(repr, given))}"
            )


def _registrations(provider: Provider, manager: pluggy.PluginManager) -> tuple[Registration, ...]:
    """What one plugin registers, asked for alone, so that whatever it raises is its own."""
    registrar = Registrar(provider)
    manager.hook.minidl_register_components(registry=registrar)
    return tuple(registrar.registrations)


def _with_conflicts(report: PluginReport, in_use: list[Provider], registry: Registry) -> PluginReport:
    """A plugin that works, with state `conflict` where a name of its is another's too."""
    if report.state != "ok" or report.provider not in in_use:
        return report
    reason = conflicts.reason(report.provider, report.components, in_use, registry)
    return replace(report, state="conflict", reason=reason) if reason else report
