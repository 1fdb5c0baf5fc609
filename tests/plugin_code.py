"""What the tests of plugins share: their code, and what comes of loading it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from minidl_core.errors import PluginWarning, UnknownNameError
from minidl_core.plugins import LoadedPlugins, PluginReport, load_plugins

Plugin = Callable[..., metadata.EntryPoint]

CORE_VERSION = metadata.version("minidl-core")
NEXT_CORE = f"{int(CORE_VERSION.split('.')[0]) + 1}"
"""A version that the core has not reached."""

HOOK = """
from minidl_core.hookspecs import hookimpl

@hookimpl
def minidl_register_components(registry):
"""


def bringing(*layers: str) -> str:
    """The code of a plugin that registers layers of these names, each the core's `linear`."""
    return HOOK + "".join(
        f'    registry.layer("{name}", "minidl_core.nn.linear:Linear", summary="as linear")\n' for name in layers
    )


DENSE = bringing("dense")


def loaded(
    *entry_points: metadata.EntryPoint, environment: Mapping[str, str] | None = None
) -> tuple[LoadedPlugins, list[str]]:
    """What came of loading, and the lines that it said on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = load_plugins(entry_points, environment or {})
    assert all(warning.category is PluginWarning for warning in caught)
    return found, [str(warning.message) for warning in caught]


def report(found: LoadedPlugins, name: str) -> PluginReport:
    """What became of the plugin of this name, or of this distribution."""
    [one] = [one for one in found.reports if name in (one.provider.plugin, one.provider.distribution)]
    return one


def states(found: LoadedPlugins) -> dict[str, str]:
    """The state of each plugin but the core, by distribution."""
    return {one.provider.distribution: one.state for one in found.reports[1:]}


def reasons(found: LoadedPlugins) -> dict[str, str]:
    """Why each plugin but the core is in its state, by distribution."""
    return {one.provider.distribution: one.reason for one in found.reports[1:]}


def meaning(found: LoadedPlugins, name: str) -> str:
    """The distribution whose layer a name means, or why it means none."""
    try:
        return found.registry.find("layer", name).provider.distribution
    except UnknownNameError as error:
        return str(error)


def brings(found: LoadedPlugins, name: str) -> bool:
    """Whether anything of a plugin is registered."""
    return bool(found.registry.components(plugin=name))


def is_imported(entry_point: metadata.EntryPoint) -> bool:
    return entry_point.module in sys.modules


def ran(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, as a process that has the plugins in `tmp_path`."""
    variables = {**os.environ, "PYTHONPATH": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False, env=variables
    )
