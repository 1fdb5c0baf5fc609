"""What is installed under minidl's entry points, and whether it may be used: told from metadata, importing nothing.

Before anything is imported, the environment can leave plugins out:

- ``MINIDL_LOAD_PLUGINS``: unset, all; empty, none; else the names of those to load, separated by commas;
- ``MINIDL_DISABLE_PLUGINS``: the names of those to leave out; names are of entry points or distributions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata

from minidl_core.errors import PluginError
from minidl_core.foreign import foreign_code
from minidl_core.registry import CORE, Provider, canonical

GROUP = "minidl"
"""The entry points of plugins, each an object with hooks; the name is the plugin's."""
COMMAND_GROUP = "minidl.commands"
"""The entry points of commands, each a click command; the name is the command's."""
CORE_DISTRIBUTION = "minidl-core"

LOAD, DISABLE = "MINIDL_LOAD_PLUGINS", "MINIDL_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Installed:
    """One entry point, and what is known of it without importing it."""

    entry_point: metadata.EntryPoint
    provider: Provider
    way_out: str
    """What to do where it is of no use."""
    state: str = ""
    """`disabled`, `incompatible` or, where that cannot be told, `failed`; empty for one that may be imported."""
    reason: str = ""


def judge(
    entry_points: Iterable[metadata.EntryPoint],
    environment: Mapping[str, str],
    also_known: Iterable[metadata.EntryPoint] = (),
) -> list[Installed]:
    """Say of each entry point whether it may be imported, in an order that depends on their names alone.

    Args:
        also_known: entry points of another group, which `environment` may name too.
    """
    ordered = sorted(entry_points, key=lambda e: (e.name, provider_of(e).distribution, e.value))
    providers = [provider_of(entry_point) for entry_point in (*ordered, *also_known)]
    judged = []
    for entry_point in ordered:
        provider = provider_of(entry_point)
        try:
            with foreign_code():
                state, reason = _left_out(entry_point, provider, environment)
        except PluginError as error:
            state, reason = "failed", str(error)
        judged.append(Installed(entry_point, provider, way_out(provider, providers), state, reason))
    return judged


def provider_of(entry_point: metadata.EntryPoint) -> Provider:
    """Who brings an entry point."""
    distribution = entry_point.dist
    if distribution is None:
        return Provider(entry_point.name, "(no distribution)", "")
    written = distribution.metadata
    name, version = written.get_all("Name", ["(no name)"]), written.get_all("Version", ["(no version)"])
    return Provider(entry_point.name, name[0], version[0])


def _left_out(entry_point: metadata.EntryPoint, provider: Provider, environment: Mapping[str, str]) -> tuple[str, str]:
    """State and reason of an entry point that must not be imported; both empty for one that may be."""
    if any(map(provider.is_named, _listed(environment.get(DISABLE, "")).values())):
        return "disabled", f"named in {DISABLE}"
    allowed = environment.get(LOAD)
    if allowed is not None and not any(map(provider.is_named, _listed(allowed).values())):
        return "disabled", f"not named in {LOAD}"
    unmet = _unmet_requirement(entry_point)
    return ("incompatible", unmet) if unmet else ("", "")


def way_out(provider: Provider, others: Iterable[Provider]) -> str:
    """What to do about a plugin: what disables it, and no other, by its own name where that is possible."""
    unfit = provider.plugin == CORE or not re.fullmatch(r"[\w.-]+", provider.plugin)
    shared = any(other.is_named(provider.plugin) for other in others if other.distribution != provider.distribution)
    return provider.ways_out("" if shared or unfit else provider.plugin)


def names_of_nothing(entry_points: Iterable[metadata.EntryPoint], environment: Mapping[str, str]) -> list[str]:
    """For each name in the environment's lists that no plugin has, a line that says so."""
    providers = [provider_of(entry_point) for entry_point in entry_points]
    known = {canonical(name) for provider in providers for name in (provider.plugin, provider.distribution)}
    installed = ", ".join(sorted({f"{one.plugin} ({one.distribution})" for one in providers})) or "none"
    return [
        f"{variable} names '{written}', which is the name of no plugin or distribution; installed are: {installed}"
        for variable in (LOAD, DISABLE)
        for name, written in _listed(environment.get(variable, "")).items()
        if name not in known
    ]


def _listed(value: str) -> dict[str, str]:
    """The names of a list: as they are compared, and as they are written."""
    return {canonical(name.strip()): name.strip() for name in value.split(",") if name.strip()}


def _unmet_requirement(entry_point: metadata.EntryPoint) -> str:
    """Why this core is not the one that a plugin asks for; empty where it is."""
    from packaging.requirements import Requirement

    installed = metadata.version(CORE_DISTRIBUTION)
    for text in (entry_point.dist.requires if entry_point.dist else None) or []:
        requirement = Requirement(text)
        if canonical(requirement.name) != CORE_DISTRIBUTION:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(installed, prereleases=True):
            return (
                f"it requires {CORE_DISTRIBUTION}{requirement.specifier}, and this is {CORE_DISTRIBUTION} {installed}"
            )
    return ""
