"""Whose code an error comes from."""

from __future__ import annotations

from minidl_core.plugins import registry
from minidl_core.registry import CORE, Registration
from minidl_core.spec.component import Component


def culprit(error: BaseException) -> Registration | None:
    """The component of a plugin in whose code an error was raised, the innermost; None where there is none."""
    found = None
    frame = error.__traceback__
    while frame is not None:
        inner = frame.tb_frame.f_locals.get("self")
        if isinstance(inner, Component):
            registration = registry().of(type(inner))
            if registration is not None and registration.provider.plugin != CORE:
                found = registration
        frame = frame.tb_next
    return found
