"""A folder of its own for every test of runs, and what they do without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minidl_core.errors import RequestError
from minidl_core.plugins import loaded_plugins
from minidl_core.runs import recorded


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def core_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Components of the core alone, in processes and in this one."""
    monkeypatch.setenv("MINIDL_LOAD_PLUGINS", "")
    loaded_plugins.cache_clear()
    yield
    monkeypatch.undo()
    loaded_plugins.cache_clear()


@pytest.fixture
def no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes ten times as long as a small training, and changes nothing else."""

    def refuse(*_: object) -> str:
        raise RequestError("it is not drawn here")

    monkeypatch.setattr(recorded, "report_of", refuse)
