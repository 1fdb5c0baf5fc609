"""What a plugin can say to minidl.

A plugin is a module (or object) named by an entry point of the group ``minidl``. It marks its
implementations with :data:`hookimpl`. The entry point's name is the plugin's name, and qualifies what it
registers: ``extra_losses.huber``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from minidl_core.registry import Registrar

PROJECT = "minidl"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def minidl_register_components(registry: Registrar) -> None:
    """Name the components that the plugin brings. Called once in a process, when a name is first looked up.

    Give names and import targets, and import nothing heavy here: a component's module is imported when
    the component is first used::

        @hookimpl
        def minidl_register_components(registry):
            registry.loss("huber", "minidl_extra_losses.huber:Huber", summary="quadratic near zero, linear beyond")

    What a hook registered before it raised is dropped with the rest of the plugin. Since 0.1.
    """
