"""Pictures are drawn where what they are drawn with is installed."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
