"""Tests with components of plugins are skipped where the core is tested alone."""

from __future__ import annotations

import pytest

from minidl_core.plugins import registry


def needs(*names: str) -> pytest.MarkDecorator:
    """A mark for tests of components of these names: `needs("adam", "cross_entropy")`."""
    known = {name for kind in ("layer", "loss", "optimizer") for name in registry().names(kind)}
    missing = [name for name in names if name not in known]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed here")
