"""The wheels of the three packages, in a fresh environment outside the source tree, pass each package's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = ("minidl_extra_losses", "minidl_optim")
TESTS = ["python", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package, by the name of its folder."""
    built = {}
    for name, source in {"minidl_core": ROOT, **{name: ROOT / "plugins" / name for name in PLUGINS}}.items():
        folder = tmp_path_factory.mktemp(name)
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source],
            check=True,
            capture_output=True,
        )
        [built[name]] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Path:
    """A fresh environment with the core's wheel alone, and what its tests need."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    _install(folder, str(wheels["minidl_core"]), "pytest", "hypothesis", "scikit-learn")
    return folder


def _install(environment: Path, *packages: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--constraint", ROOT / "constraints.txt"]
    subprocess.run([environment / "bin" / "python", "-m", "pip", "install", *options, *packages], check=True)


def _run(environment: Path, folder: Path, command: list[str]) -> str:
    """Run a command with the environment's programs first on the path, and no way to the source tree."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MINIDL"))}
    variables["PATH"] = f"{environment / 'bin'}:{variables['PATH']}"
    process = subprocess.run(
        [environment / "bin" / command[0], *command[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_the_core_alone_passes_its_tests(environment, tmp_path):
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("repository", "__pycache__"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    listed = _run(environment, tmp_path, ["minidl", "plugins"])
    assert [line.split()[0] for line in listed.splitlines()] == ["PLUGIN", "core"]
    assert " passed" in _run(environment, tmp_path, [*TESTS, "tests"])


@pytest.mark.slow
def test_each_plugin_added_passes_its_tests_and_is_found(environment, wheels, tmp_path):
    _install(environment, *(str(wheels[name]) for name in PLUGINS))
    for name in PLUGINS:
        folder = tmp_path / name
        shutil.copytree(ROOT / "plugins" / name / "tests", folder / "tests")
        shutil.copy(ROOT / "plugins" / name / "README.md", folder)
        assert " passed" in _run(environment, folder, [*TESTS, "--import-mode=importlib", "tests"])
    listed = _run(environment, tmp_path, ["minidl", "list-components"])
    assert "cross_entropy" in listed
    assert "adam" in listed
