"""Files to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidl_core.data import mapped, mapped_examples, npy

Write = Callable[..., str]
Save = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file, text or bytes, byte for byte, and give its path."""

    def written(content: str | bytes, name: str = "table.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return written


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write an array in NumPy's format, and give its path."""

    def saved(array: NDArray[Any], name: str = "table.npy") -> str:
        path = tmp_path / name
        np.save(path, array, allow_pickle=True)
        return str(path)

    return saved


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 20 rows of two features, taken 6 at a time and read 3 at a time of float64."""
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 20 * 16)
    monkeypatch.setattr(mapped_examples, "PIECE_BYTES", 6 * 16)
    monkeypatch.setattr(npy, "READ_BYTES", 3 * 24)
