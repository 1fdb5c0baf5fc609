"""What a name on the command line means, where it may be of any kind."""

from __future__ import annotations

from minidl_core.errors import UnknownNameError
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.registry import KINDS, Registration


def components_named(name: str) -> list[Registration]:
    """The components of a name, bare or qualified, one of a kind.

    Raises UnknownNameError for a name that nothing has, and for one that several plugins claim.
    """
    found = [registry().find(kind, name) for kind in KINDS if registry().bearing(kind, name)]
    if not found:
        names = sorted({registration.name for registration in registry().components()})
        raise UnknownNameError(f"there is no component '{name}'; {did_you_mean(name, names)}")
    return found


def components_of_plugin(plugin: str) -> list[Registration]:
    """The components of a plugin, by its name or its distribution's. Raises UnknownNameError where it brings none."""
    found = registry().components(plugin=plugin)
    if not found:
        known = sorted({registration.provider.plugin for registration in registry().components()})
        raise UnknownNameError(f"no plugin '{plugin}' brings components; those that do: {', '.join(known)}")
    return found
