"""Runs Python under strace: to learn which calls of a process touch a folder, and to make each of them fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

STRACE = shutil.which("strace")
CALLS = "openat,write,fsync,rename,renameat,renameat2,link,linkat"
QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def can_trace() -> bool:
    """Whether strace is there, and may trace here."""
    inject = ["-e", "inject=fsync:error=EIO:when=1000"]
    command = [STRACE or "", "-f", "--seccomp-bpf", "-o", os.devnull, *inject, sys.executable, "-c", ""]
    return STRACE is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="needs strace, and a system that lets it trace")


class Call(NamedTuple):
    """A call of a process that touches a folder: the how-manieth of its name, and how strace shows it."""

    name: str
    when: int
    shown: str


def traced(command: list[str], trace: Path, inject: str = "", calls: str = CALLS) -> subprocess.CompletedProcess[str]:
    """Run Python under strace; with `inject`, what is to become of one call."""
    quickly = [] if "signal" in inject else ["--seccomp-bpf"]  # with which strace 6.1 sends no signal
    injected = ["-e", f"inject={inject}"] if inject else []
    how = ["-f", *quickly, "-y", "-qq", "-o", str(trace), "-e", f"trace={calls}", *injected]
    variables = {**os.environ, **QUIET}
    return subprocess.run(
        [STRACE or "", *how, sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
        timeout=120,
    )


def calls_within(trace: Path, folder: Path) -> list[Call]:
    """The calls of a traced process that touch a folder, or a file in it."""
    counts: dict[tuple[str, str], int] = {}
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        call = re.match(r"(\d+) +(\w+)\((.*)", line)
        if call is None:
            continue
        thread, name, shown = call.groups()
        counts[thread, name] = counts.get((thread, name), 0) + 1  # strace counts the calls of each thread, too
        if re.search(rf'[<"]{re.escape(str(folder))}[/>"]', shown):
            found.append(Call(name, counts[thread, name], shown))
    return found
