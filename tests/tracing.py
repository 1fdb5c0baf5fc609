"""Runs Python under strace: to learn which calls of a process touch a folder, and to make each of them fail."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


FORKS = """
import ctypes, json, os
import torch
import minidl_core.pictures.report, minidl_core.pictures.drawing, minidl_core.runs
from minidl_core.cli.main import run

ANY_TRACER = ctypes.c_ulong(-1)
while arguments := os.read(0, 10_000):
    child = os.fork()
    if child:
        os.write(1, f"{os.waitpid(child, 0)[1]}\\n".encode())
    else:
        ctypes.CDLL(None).prctl(0x59616D61, ANY_TRACER, 0, 0, 0)  # where only a parent may trace
        os.write(1, f"{os.getpid()}\\n".encode())
        os.read(0, 1)  # traced from here on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(run(json.loads(arguments)))
"""


class Forks:
    """Runs `minidl` again and again under strace, each time in a process of its own that has imported all already.

    Under strace imports take longer than all else.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def traced(self, arguments: list[str], trace: Path, inject: str = "", calls: str = CALLS) -> int:
        """As the function `traced`; the exit code, or minus the signal that killed it."""
        child = int(self._asked(json.dumps(arguments)))
        injected = ["-e", f"inject={inject}"] if inject else []
        how = ["-f", "-y", "-o", str(trace), "-e", f"trace={calls}", *injected, "-p", str(child)]
        with subprocess.Popen([STRACE or "", *how], stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            assert "attached" in (said := strace.stderr.readline()), said
            return os.waitstatus_to_exitcode(int(self._asked("")))

    def _asked(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def forks() -> Iterator[Forks]:
    variables = {**os.environ, **QUIET}
    command = [sys.executable, "-c", FORKS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=variables, text=True, **pipes) as process:
        try:
            yield Forks(process)
        finally:
            process.kill()
