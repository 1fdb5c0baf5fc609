"""Trainings in processes of their own, that write the folder of a run, and what is in that folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from minidl_core.persistence.whole_file import is_leftover
from minidl_core.runs.checkpoint_file import read_checkpoint
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.history import FILE_NAME as HISTORY
from minidl_core.runs.history import read_history
from minidl_core.runs.record import FILE_NAME, read_record
from minidl_core.training import load_model

SECONDS = 120
"""Within which all is over, or hangs."""
ROUNDS = 3
TRAIN = (
    *("train", "disk(n=60)", "--model", "linear(_,6)-tanh-linear(6,_)", "--loss", "mse", "--optimizer", "sgd(lr=0.5)"),
    *("--schedule", "cosine", "--rounds", str(ROUNDS), "--batch-size", "10", "--quiet"),
)
STEPS = 6
"""Of an epoch."""

Process = subprocess.Popen[str]


class Ended(NamedTuple):
    """What became of a process."""

    code: int
    out: str
    err: str


def started(folder: Path, *arguments: str, prelude: str = "") -> Process:
    """`minidl` with these arguments, in a folder, with components of the core alone.

    Args:
        prelude: Python that is run before.
    """
    program = ["-c", f"{prelude}\nfrom minidl_core.cli.main import main\nmain()"]
    command = [sys.executable, *(program if prelude else ["-m", "minidl_core"]), *arguments]
    variables = {**os.environ, "MINIDL_LOAD_PLUGINS": "", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: Process) -> Ended:
    """Wait for its end."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it hangs: {process.communicate()}") from None
    return Ended(process.returncode, out, err)


def ran(folder: Path, *arguments: str, prelude: str = "") -> Ended:
    return ended(started(folder, *arguments, prelude=prelude))


def wait_until(is_so: Callable[[], bool], process: Process) -> None:
    """Wait for what a process is to do, or its end."""
    until = time.monotonic() + SECONDS
    while not is_so() and process.poll() is None:
        if time.monotonic() > until:
            process.kill()
            raise AssertionError(f"it never comes to that: {process.communicate()}")
        time.sleep(0.002)


def wait_until_written(path: Path, process: Process) -> None:
    """Wait until a process, which was just started, has written a file, be it there already or not."""
    before = path.stat().st_mtime_ns if path.exists() else None
    wait_until(lambda: path.exists() and path.stat().st_mtime_ns != before, process)


class Outcome(NamedTuple):
    """All in which a run is to be the same, however often it was stopped."""

    history: bytes
    model: bytes
    state: str
    epochs: int
    best_epochs: list[int] | None
    figures: str
    """As JSON."""


def outcome(run: Path) -> Outcome:
    record = read_record(run)
    history, model = (run / HISTORY).read_bytes(), RunFolder(run).model.read_bytes()
    return Outcome(history, model, record.state, record.epochs, record.best_epochs, json.dumps(record.figures))


def require_readable(run: Path) -> None:
    """Read each file that a run of `ROUNDS` rounds has by now, whole."""
    readers: dict[str, Callable[[], Any]] = {
        FILE_NAME: lambda: read_record(run),
        "model.safetensors": lambda: load_model(run),
        "checkpoint.safetensors": lambda: read_checkpoint(RunFolder(run).checkpoint, read_record(run).request),
        HISTORY: lambda: read_history(run / HISTORY, (ROUNDS,)),
        "report.html": lambda: (run / "report.html").read_text("utf-8").index("</html>"),
        ".lock": lambda: None,
    }
    for name in [one.name for one in run.iterdir()] if run.exists() else []:
        if not is_leftover(name):
            readers[name]()


def names_in(run: Path) -> set[str]:
    return {one.name for one in run.iterdir()}


def leftovers(run: Path) -> list[str]:
    """The names of temporary files in its folder."""
    return [one.name for one in run.iterdir() if one.name.endswith(".tmp")]
