"""Every command and every line of Python in the README does what the README shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _commands() -> list[tuple[str, str]]:
    """Each `$ command` of the README, and what it shows beneath."""
    text = "".join(block for language, block in BLOCKS if language == "console")
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(command.replace("\\\n", " "), shown) for command, shown in map(_divided, parts)]


def _divided(part: str) -> tuple[str, str]:
    match = re.match(r"((?:.*\\\n)*.*)\n", part)
    assert match
    return match[1], part[match.end() :]


def _figures(text: str) -> list[float]:
    """The numbers with a point, but for seconds."""
    return [float(one) for line in text.splitlines() for one in re.findall(r"\d+\.\d+(?! s$)", line)]


def _comparable(text: str) -> list[str]:
    """Lines without what differs from machine to machine: digits after a point, and the spacing around them."""
    return [" ".join(re.sub(r"\d+\.\d+", "#", line).split()) for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """All commands in their order, in a folder with the examples: each with what it should and did print."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", folder / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    results = []
    for command, shown in _commands():
        if command.startswith(("make", "pip", "python -m venv")):
            continue
        process = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        results.append((command, shown, process.stdout + process.stderr))
    return results


def test_the_readme_has_commands():
    assert len(_commands()) > 8


def test_each_command_prints_what_the_readme_shows(ran):
    for command, shown, printed in ran:
        assert _comparable(printed) == _comparable(shown), command
        assert _figures(printed) == pytest.approx(_figures(shown), abs=0.05), command


@pytest.mark.parametrize("program", [block for language, block in BLOCKS if language == "python"])
def test_each_python_example_runs(program, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "README.md", "exec"), {"__name__": "readme"})
