"""Runs commands as a shell would, within this process."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Ran
from plugin_code import Plugin

from minidl_core.cli.main import run


@pytest.fixture
def minidl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    """`minidl("train", "disk", ...)` in an empty folder: its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def call(*arguments: object) -> Ran:
        code = run(list(map(str, arguments)))
        return Ran(code, *capsys.readouterr())

    return call


@pytest.fixture
def command(plugin: Plugin) -> Plugin:
    """`command("hello", code)`: install a distribution with a command that is `hello` of a module of this code."""
    return functools.partial(plugin, group="minidl.commands", attribute="hello")
