"""What is installed under minidl's entry points, and whether it may be used: told from metadata, importing nothing.

Before anything is imported, the environment can leave plugins out:

- ``MINIDL_LOAD_PLUGINS``: unset, all; empty, none; else the names of those to load, separated by commas;
- ``MINIDL_DISABLE_PLUGINS``: the names of those to leave out; names are of entry points or distributions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import NamedTuple

from minidl_core.errors import PluginError
from minidl_core.foreign import foreign_code, printable
from minidl_core.nearest import listed
from minidl_core.registry import CORE, Provider, canonical

GROUP = "minidl"
"""The entry points of plugins, each an object with hooks; the name is the plugin's."""
COMMAND_GROUP = "minidl.commands"
"""The entry points of commands, each a click command; the name is the command's."""
CORE_DISTRIBUTION = "minidl-core"
NO_NAME = "(no name)"

LOAD, DISABLE = "MINIDL_LOAD_PLUGINS", "MINIDL_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Installed:
    """One entry point, and what is known of it without importing it."""

    entry_point: metadata.EntryPoint
    provider: Provider
    disabled_by: str
    """The name that disables it, and no other."""
    state: str = ""
    """`disabled`, `incompatible` or, where that cannot be told, `failed`; empty for one that may be imported."""
    reason: str = ""


class Found(NamedTuple):
    """The entry points of everything that is installed, and a line for each distribution that hides its own."""

    plugins: list[metadata.EntryPoint]
    commands: list[metadata.EntryPoint]
    problems: list[str]


def find_entry_points() -> Found:
    """What is installed under minidl's entry points, also where some distribution's entry points cannot be read."""
    try:
        return Found(list(metadata.entry_points(group=GROUP)), list(metadata.entry_points(group=COMMAND_GROUP)), [])
    except Exception:  # of the whole, for one malformed line in a file of whatever distribution
        os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"  # torch reads them too, and could not be imported
        return _find_one_by_one()


def _find_one_by_one() -> Found:
    found = Found([], [], [])
    seen: set[str] = set()
    for distribution in metadata.distributions():
        name, version = _name_and_version(distribution)
        if canonical(name) in seen:  # another of this name comes first on the path, and is what is imported
            continue
        if name != NO_NAME:
            seen.add(canonical(name))
        try:
            entry_points = list(distribution.entry_points)
        except Exception:
            if _mentions_minidl(distribution):
                found.problems.append(
                    f"{name} {version} is left out: its entry_points.txt is malformed; repair or delete that file in "
                    f"{distribution.locate_file('')}, before which pip can neither upgrade nor uninstall {name}"
                )
            continue
        found.plugins.extend(one for one in entry_points if one.group == GROUP)
        found.commands.extend(one for one in entry_points if one.group == COMMAND_GROUP)
    return found._replace(problems=sorted(found.problems))


def _mentions_minidl(distribution: metadata.Distribution) -> bool:
    """Whether a file of entry points that is malformed may be a plugin's."""
    try:
        return "minidl" in (distribution.read_text("entry_points.txt") or "")
    except ValueError:  # no UTF-8
        return "minidl" in _name_and_version(distribution)[0]


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
        judged.append(Installed(entry_point, provider, disabling_name(provider, providers), state, reason))
    return judged


def provider_of(entry_point: metadata.EntryPoint) -> Provider:
    """Who brings an entry point."""
    distribution = entry_point.dist
    if distribution is None:
        return Provider(printable(entry_point.name), "(no distribution)", "")
    return Provider(printable(entry_point.name), *_name_and_version(distribution))


def _name_and_version(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        written = distribution.metadata
        name, version = written.get_all("Name", [NO_NAME]), written.get_all("Version", ["(no version)"])
    except Exception:  # its file may be of any bytes
        return NO_NAME, "(no version)"
    return printable(name[0]), printable(version[0])


def _left_out(entry_point: metadata.EntryPoint, provider: Provider, environment: Mapping[str, str]) -> tuple[str, str]:
    """State and reason of an entry point that must not be imported; both empty for one that may be."""
    if any(map(provider.is_named, _names_in(environment.get(DISABLE, "")).values())):
        return "disabled", f"named in {DISABLE}"
    allowed = environment.get(LOAD)
    if allowed is not None and not any(map(provider.is_named, _names_in(allowed).values())):
        return "disabled", f"not named in {LOAD}"
    unmet = _unmet_requirement(entry_point)
    return ("incompatible", unmet) if unmet else ("", "")


def disabling_name(provider: Provider, others: Iterable[Provider]) -> str:
    """What disables a plugin, and no other: its own name where that is possible, else its distribution's."""
    unfit = provider.plugin == CORE or not re.fullmatch(r"[\w.-]+", provider.plugin)
    shared = any(other.is_named(provider.plugin) for other in others if other.distribution != provider.distribution)
    return provider.distribution if shared or unfit else provider.plugin


def is_distribution(name: str) -> bool:
    """Whether a distribution of this name is installed."""
    try:
        metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def why_no_plugin(distribution: str) -> str:
    """What to do about a distribution that was taken for one of a plugin, and brings none."""
    if not is_distribution(distribution):
        return "install it: pip install --editable ."
    return (
        f"the distribution is, and declares no entry point of the group '{GROUP}': write one in its pyproject.toml, "
        f"under [project.entry-points.{GROUP}], and install it again"
    )


def names_of_nothing(entry_points: Iterable[metadata.EntryPoint], environment: Mapping[str, str]) -> list[str]:
    """For each name in the environment's lists that no plugin has, a line that says so.

    The core is always loaded, so that it may be named among those to load, and cannot be disabled.
    """
    providers = [provider_of(entry_point) for entry_point in entry_points]
    known = {canonical(name) for provider in providers for name in (provider.plugin, provider.distribution)}
    installed = listed(sorted({f"{one.plugin} ({one.distribution})" for one in providers})) or "none"
    of_core = (CORE, CORE_DISTRIBUTION)
    return [
        f"{variable} names '{printable(written)}', "
        + (
            "which cannot be disabled: it is minidl itself"
            if name in of_core
            else f"which is the name of no plugin or distribution; installed are: {installed}"
        )
        for variable in (LOAD, DISABLE)
        for name, written in _names_in(environment.get(variable, "")).items()
        if name not in known and (variable, name) not in [(LOAD, own) for own in of_core]
    ]


def _names_in(value: str) -> dict[str, str]:
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
