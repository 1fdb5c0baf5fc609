"""Installs plugins of any code, as fake distributions that only the test sees."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from plugin_code import DENSE, Plugin

from minidl_core.cli.plugin_commands import plugin_commands
from minidl_core.installed import GROUP
from minidl_core.plugins import loaded_plugins


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """`plugin("extra", code)`: install a distribution whose entry point `extra` is a module of this code.

    It lies in `tmp_path`, and what this process knew of installed plugins is forgotten.
    """
    monkeypatch.syspath_prepend(tmp_path)
    number = itertools.count()

    def forget() -> None:
        importlib.invalidate_caches()
        loaded_plugins.cache_clear()
        plugin_commands.cache_clear()

    def write(
        name: str,
        code: str = DENSE,
        distribution: str = "",
        requires: tuple[str, ...] = (),
        version: str = "1.2.3",
        group: str = GROUP,
        attribute: str = "",
    ) -> metadata.EntryPoint:
        module = f"plug_{next(number)}"
        (tmp_path / f"{module}.py").write_text(code, "utf-8")
        folder = tmp_path / f"{module}-{version}.dist-info"
        folder.mkdir()
        head = ["Metadata-Version: 2.1", f"Name: {distribution or f'minidl-{name}'}", f"Version: {version}"]
        lines = [*head, *(f"Requires-Dist: {requirement}" for requirement in requires)]
        (folder / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
        value = f"{module}:{attribute}" if attribute else module
        (folder / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n", "utf-8")
        forget()
        [entry_point] = metadata.Distribution.at(folder).entry_points
        return entry_point

    yield write
    forget()
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]
