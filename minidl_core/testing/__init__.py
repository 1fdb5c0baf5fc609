"""The conformance kit: what every component must pass, ours and yours.

`check_component` runs it; `parametrize_components` makes a test of each check of a package's components; from a shell,
`minidl check`. Names are imported when they are first used, so that pytest can load the plugin without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl_core.testing.kit import Check as Check
    from minidl_core.testing.kit import check_component as check_component
    from minidl_core.testing.kit import checks_of as checks_of
    from minidl_core.testing.parametrize import parametrize_components as parametrize_components
    from minidl_core.testing.result import CheckFailed as CheckFailed
    from minidl_core.testing.result import Result as Result
    from minidl_core.testing.result import Skipped as Skipped

_HOMES = {
    "kit": ("Check", "check_component", "checks_of"),
    "parametrize": ("parametrize_components",),
    "result": ("CheckFailed", "Result", "Skipped"),
}
_HOME = {name: f"minidl_core.testing.{home}" for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'minidl_core.testing' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
