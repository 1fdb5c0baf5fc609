"""`minidl new-plugin`: what it writes, and what it refuses. That it works is tested in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

KINDS = ("layer", "loss", "optimizer")
FILES = {
    *("README.md", "pyproject.toml", "minidl_my_own/__init__.py", "minidl_my_own/my_own.py"),
    *("minidl_my_own/plugin.py", "tests/test_conformance.py", "tests/test_my_own.py"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["my_own", "my-own", "minidl-my-own"])
def test_a_package_is_written_under_the_names_that_plugins_have(minidl, kind, name):
    ran = minidl("new-plugin", name, "--kind", kind)
    folder = Path("minidl-my-own")
    assert (ran.code, ran.err) == (0, "")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == FILES
    assert "minidl-my-own/minidl_my_own/my_own.py" in ran.out
    written = tomllib.loads((folder / "pyproject.toml").read_text())
    assert written["project"]["name"] == "minidl-my-own"
    assert written["project"]["entry-points"]["minidl"] == {"my_own": "minidl_my_own.plugin"}
    [core] = [one for one in map(Requirement, written["project"]["dependencies"]) if one.name == "minidl-core"]
    assert metadata.version("minidl-core") in core.specifier
    assert not list(folder.rglob("*.template"))


@pytest.mark.slow
def test_what_is_written_is_formatted_linted_and_typed(minidl):
    for kind in KINDS:
        minidl("new-plugin", f"my_{kind}", "--kind", kind)
    assert "$" not in "".join(path.read_text() for path in Path().rglob("*.*") if path.is_file())
    packages = [f"minidl-my-{kind}/minidl_my_{kind}" for kind in KINDS]
    for tool in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy", "--strict", *packages]):
        finished = subprocess.run([sys.executable, "-m", *tool], capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("name", ["", "My", "1st", "a.b", "../x", "lоss", "class", "true", "core", "plugin", "a b"])
def test_a_name_that_no_spec_or_module_can_have_is_refused(minidl, name):
    ran = minidl("new-plugin", name, "--kind", "loss")
    assert ran.code == 2
    assert "cannot be a name" in ran.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("name", "kind", "whose"), [("tanh", "layer", "minidl-core brings a layer")])
def test_a_name_that_is_taken_is_refused(minidl, name, kind, whose):
    ran = minidl("new-plugin", name, "--kind", kind)
    assert ran.code == 2
    assert f"the name '{name}' is taken: {whose} of that name; choose another" in ran.err


def test_a_name_that_is_too_long_to_be_registered_is_refused(minidl):
    ran = minidl("new-plugin", "a" * 101, "--kind", "loss")
    assert ran.code == 2
    assert "has 101 characters, a name has at most 100" in ran.err
    assert not list(Path().iterdir())


def test_nothing_is_overwritten(minidl):
    Path("there").mkdir()
    ran = minidl("new-plugin", "my_own", "--kind", "loss", "--out", "there")
    assert ran.code == 2
    assert "'there' exists, and nothing is overwritten" in ran.err
    assert not list(Path("there").iterdir())


def test_a_folder_that_cannot_be_written_is_told(minidl):
    Path("file").touch()
    ran = minidl("new-plugin", "my_own", "--kind", "loss", "--out", "file/folder")
    assert ran.code == 1
    assert "cannot write 'file/folder': Not a directory" in ran.err
