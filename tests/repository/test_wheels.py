"""The wheels of all packages, in a fresh environment outside the source tree, pass each package's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from environments import install, run, uninstall

ROOT = Path(__file__).parents[2]
PLUGINS = {
    "minidl_extra_losses": "minidl-extra-losses",
    "minidl_optim": "minidl-optim",
    "minidl_tensorboard": "minidl-tensorboard",
}
"""The distribution of each by its folder."""
TESTS = ["python", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]


def printed(environment: Path, folder: Path, command: list[str]) -> str:
    """What a command that does its work prints."""
    process = run(environment, folder, command)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_the_core_alone_passes_its_tests(environment, tmp_path):
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("repository", "__pycache__"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    listed = printed(environment, tmp_path, ["minidl", "plugins"])
    assert [line.split()[0] for line in listed.splitlines()] == ["PLUGIN", "core"]
    assert " passed" in printed(environment, tmp_path, [*TESTS, "tests"])


@pytest.mark.slow
def test_each_plugin_added_passes_its_tests_and_is_found(environment, wheels, tmp_path):
    install(environment, "--constraint", ROOT / "constraints.txt", *(wheels[name] for name in PLUGINS))
    try:
        for name in PLUGINS:
            folder = tmp_path / name
            shutil.copytree(ROOT / "plugins" / name / "tests", folder / "tests")
            shutil.copy(ROOT / "plugins" / name / "README.md", folder)
            assert " passed" in printed(environment, folder, [*TESTS, "--import-mode=importlib", "tests"])
        listed = printed(environment, tmp_path, ["minidl", "list-components"])
        assert "cross_entropy" in listed
        assert "adam" in listed
    finally:
        uninstall(environment, *PLUGINS.values())
