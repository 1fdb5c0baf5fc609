"""Reads back what was written, with TensorBoard's own reader."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

Curves = dict[str, dict[str, list[tuple[int, float]]]]
"""The points, step and value, of each tag of each run."""

MODEL = "linear(_,8)-tanh-linear(8,_)"


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Curves]:
    """Reads all scalars under a folder."""

    def curves(folder: Path) -> Curves:
        runs = EventMultiplexer(size_guidance={"scalars": 0}).AddRunsFromDirectory(str(folder)).Reload()
        return {
            run: {tag: [(event.step, event.value) for event in runs.Scalars(run, tag)] for tag in tags["scalars"]}
            for run, tags in runs.Runs().items()
        }

    return curves


@pytest.fixture(scope="session")
def minidl() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `minidl` in a process of its own."""

    def run(*arguments: str, cwd: Path, prelude: str = "") -> subprocess.CompletedProcess[str]:
        code = f"{prelude}\nfrom minidl_core.cli.main import main\nmain()"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MINIDL")}
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return run
