"""What is installed under minidl's entry points, and whether it may be used: told from metadata, importing nothing.

Before anything is imported, the environment can leave plugins out:

- ``MINIDL_LOAD_PLUGINS``: unset, all; empty, none; else the names of those to load, separated by commas;
- ``MINIDL_DISABLE_PLUGINS``: the names of those to leave out; names are of entry points or distributions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from minidl_core.registry import CORE, Provider

GROUP = "minidl"
"""The entry points of plugins, each an object with hooks; the name is the plugin's."""
COMMAND_GROUP = "minidl.commands"
"""The entry points of commands, each a click command; the name is the command's."""
CORE_DISTRIBUTION = "minidl-core"

NO_DISTRIBUTION, NO_NAME = "(no distribution)", "(no name)"
"""Of an entry point that no distribution declares, and of a distribution whose metadata is gone."""

LOAD, DISABLE = "MINIDL_LOAD_PLUGINS", "MINIDL_DISABLE_PLUGINS"


def in_fixed_order(entry_points: Iterable[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """In an order that depends on their names alone, and not on what was installed first."""
    return sorted(entry_points, key=lambda e: (e.name, provider_of(e).distribution, e.value))


def provider_of(entry_point: metadata.EntryPoint) -> Provider:
    """Who brings an entry point."""
    distribution = entry_point.dist
    if distribution is None:
        return Provider(entry_point.name, NO_DISTRIBUTION, "")
    written = distribution.metadata
    name, version = written.get_all("Name", [NO_NAME]), written.get_all("Version", ["(no version)"])
    return Provider(entry_point.name, name[0], version[0])


def left_out(entry_point: metadata.EntryPoint, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The state of an entry point that must not be imported, and why; None for one that may be.

    The state is `disabled` where the environment says so, or `incompatible` where this core is not the one that its
    distribution requires. Raises packaging's InvalidRequirement where that cannot be read.
    """
    provider = provider_of(entry_point)
    names = {canonical(provider.plugin), canonical(provider.distribution)}
    if names & _listed(environment.get(DISABLE, "")).keys():
        return "disabled", f"named in {DISABLE}"
    allowed = environment.get(LOAD)
    if allowed is not None and not names & _listed(allowed).keys():
        return "disabled", f"not named in {LOAD}"
    if unmet := _unmet_requirement(entry_point):
        return "incompatible", unmet
    return None


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


def ways_out(provider: Provider, others: Iterable[Provider]) -> str:
    """What to do about a plugin that is of no use."""
    unfit = provider.plugin == CORE or not re.fullmatch(r"[\w.-]+", provider.plugin)
    shared = any(
        canonical(provider.plugin) in (canonical(other.plugin), canonical(other.distribution))
        for other in others
        if other.distribution != provider.distribution
    )
    name = provider.distribution if shared or unfit else provider.plugin
    disable = f"disable it with {DISABLE}={name}"
    if provider.distribution in (NO_DISTRIBUTION, NO_NAME):
        return disable
    return f"{disable} or remove it with 'pip uninstall {provider.distribution}'"


def canonical(name: str) -> str:
    """A name as it is compared: `Minidl_Optim` is `minidl-optim`, as it is for pip."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
