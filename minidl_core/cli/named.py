"""What a name on the command line means, where it may be of any kind."""

from __future__ import annotations

from minidl_core.errors import UnknownNameError
from minidl_core.installed import is_distribution, why_no_plugin
from minidl_core.nearest import did_you_mean, listed
from minidl_core.plugins import loaded_plugins, registry
from minidl_core.registry import KINDS, Registration


def components_named(name: str, of_plugin: str = "--plugin") -> list[Registration]:
    """The components of a name, bare or qualified, one of a kind.

    Args:
        of_plugin: what to write before the name where it is a plugin's.

    Raises UnknownNameError for a name that nothing has, and for one that several plugins claim.
    """
    found = [registry().find(kind, name) for kind in KINDS if registry().bearing(kind, name)]
    if not found:
        components = registry().components()
        names = sorted({one.qualified_name if "." in name else one.name for one in components})
        is_plugin = registry().components(plugin=name)
        advice = f"it is a plugin: {of_plugin} {name}" if is_plugin else did_you_mean(name, names)
        raise UnknownNameError(f"there is no component '{name}'; {advice}{registry().not_in_use()}")
    return found


def components_of_plugin(plugin: str) -> list[Registration]:
    """The components of a plugin, by its name or its distribution's. Raises UnknownNameError where it brings none."""
    found = registry().components(plugin=plugin)
    if not found:
        known = sorted({registration.provider.plugin for registration in registry().components()})
        advice = f"those that do: {listed(known)}{registry().not_in_use()}"
        if is_distribution(plugin) and not any(report.provider.is_named(plugin) for report in loaded_plugins().reports):
            advice = f"no plugin of it is installed; {why_no_plugin(plugin)}"
        raise UnknownNameError(f"no plugin '{plugin}' brings components; {advice}")
    return found
