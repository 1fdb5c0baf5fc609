"""Finds, loads and isolates plugins.

Each plugin is imported, checked and called alone. Its registrations are taken whole, or not at all.
Before anything is imported, the environment can leave plugins out:

- ``MINIDL_LOAD_PLUGINS``: unset, all; empty, none; else the names of those to load, separated by commas;
- ``MINIDL_DISABLE_PLUGINS``: the names of those to leave out; names are of entry points or distributions;
- ``MINIDL_STRICT_PLUGINS=1``: a plugin that fails raises PluginError instead of being left out with a warning.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

import pluggy

from minidl_core import builtins, hookspecs
from minidl_core.errors import PluginError, PluginWarning
from minidl_core.registry import CORE, NAME, Provider, Registrar, Registration, Registry

GROUP = "minidl"
CORE_DISTRIBUTION = "minidl-core"


@dataclass(frozen=True)
class PluginReport:
    """One plugin that is installed, and what became of it."""

    provider: Provider
    entry_point: str
    state: str
    """`ok`, `failed`, `disabled` or `incompatible`."""
    reason: str = ""
    components: tuple[Registration, ...] = ()


@dataclass(frozen=True)
class LoadedPlugins:
    """What is registered, and a report on each plugin, the core first."""

    registry: Registry
    reports: list[PluginReport]


@functools.cache
def loaded_plugins() -> LoadedPlugins:
    """The installed plugins, loaded once in a process."""
    return load_plugins(metadata.entry_points(group=GROUP), os.environ)


def registry() -> Registry:
    """The components of the core and of all installed plugins."""
    return loaded_plugins().registry


def load_plugins(entry_points: Iterable[metadata.EntryPoint], environment: Mapping[str, str]) -> LoadedPlugins:
    """Load the core's own components and those of `entry_points`, in an order that depends on their names alone."""
    found = Registry()
    core = Provider(CORE, CORE_DISTRIBUTION, metadata.version(CORE_DISTRIBUTION))
    reports = [PluginReport(core, builtins.__name__, "ok", components=tuple(_registrations(core, builtins)))]
    found.commit(reports[0].components)
    for entry_point in sorted(entry_points, key=lambda e: (e.name, _provider(e).distribution, e.value)):
        report = _load(entry_point, environment)
        found.commit(report.components)
        reports.append(report)
        if report.state in ("failed", "incompatible"):
            message = _way_out(report)
            if environment.get("MINIDL_STRICT_PLUGINS", "") not in ("", "0"):
                raise PluginError(message)
            warnings.warn(message, PluginWarning, stacklevel=2)
    return LoadedPlugins(found, reports)


def _load(entry_point: metadata.EntryPoint, environment: Mapping[str, str]) -> PluginReport:
    provider = _provider(entry_point)
    if why_not := _disabled(provider, environment):
        return PluginReport(provider, entry_point.value, "disabled", why_not)
    try:
        if unmet := _unmet_requirement(entry_point):
            return PluginReport(provider, entry_point.value, "incompatible", unmet)
        if provider.plugin == CORE:
            raise PluginError(f"the plugin name '{CORE}' is taken; an entry point must have another")
        registrations = _registrations(provider, entry_point.load())
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        return PluginReport(provider, entry_point.value, "failed", " ".join(reason.split()))
    return PluginReport(provider, entry_point.value, "ok", components=tuple(registrations))


def _registrations(provider: Provider, plugin: object) -> list[Registration]:
    """What one plugin registers, asked for alone, so that whatever it raises is its own."""
    if not NAME.fullmatch(provider.plugin):
        raise PluginError(f"invalid plugin name {provider.plugin!r}: an entry point's name is [a-z][a-z0-9_]*")
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, provider.plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise PluginError("it implements no hook of minidl; mark its functions with minidl_core.hookspecs.hookimpl")
    registrar = Registrar(provider)
    manager.hook.minidl_register_components(registry=registrar)
    return registrar.registrations


def _provider(entry_point: metadata.EntryPoint) -> Provider:
    distribution = entry_point.dist
    if distribution is None:
        return Provider(entry_point.name, "(no distribution)", "")
    written = distribution.metadata
    name, version = written.get_all("Name", ["(no name)"]), written.get_all("Version", ["(no version)"])
    return Provider(entry_point.name, name[0], version[0])


def _disabled(provider: Provider, environment: Mapping[str, str]) -> str:
    names = {provider.plugin, provider.distribution}
    if names & _listed(environment.get("MINIDL_DISABLE_PLUGINS", "")):
        return "named in MINIDL_DISABLE_PLUGINS"
    allowed = environment.get("MINIDL_LOAD_PLUGINS")
    if allowed is not None and not names & _listed(allowed):
        return "not named in MINIDL_LOAD_PLUGINS"
    return ""


def _listed(value: str) -> set[str]:
    return {name.strip() for name in value.split(",")} - {""}


def _unmet_requirement(entry_point: metadata.EntryPoint) -> str:
    """Why this core is not the one that the plugin asks for, from its metadata alone; empty where it is."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    installed = metadata.version(CORE_DISTRIBUTION)
    for text in (entry_point.dist.requires if entry_point.dist else None) or []:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != CORE_DISTRIBUTION:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(installed, prereleases=True):
            return f"it requires {CORE_DISTRIBUTION}{requirement.specifier}, this is {installed}"
    return ""


def _way_out(report: PluginReport) -> str:
    plugin, distribution = report.provider.plugin, report.provider.distribution
    return (
        f"plugin '{plugin}' ({distribution} {report.provider.version}) is left out: {report.reason}; "
        f"disable it with MINIDL_DISABLE_PLUGINS={plugin} or remove it with 'pip uninstall {distribution}'"
    )
