"""A process of its own for each peer, on the same cores as all others; it waits while they work.

What a peer needs in its environment is set before its libraries are imported.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# The first two are set on some machines for other kinds of processors, where they make NumPy slow. With the third, a
# checkout is compiled anew by each process, where all that pip installs, PyTorch and minidl alike, has its bytecode.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


class WorkerError(Exception):
    """A job failed in its process; the message is that of the error there."""


def cores() -> list[int]:
    """The cores that this process may use; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def environment(threads: int) -> dict[str, str]:
    """The variables of a process with so many threads."""
    variables = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    variables |= {"JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return variables


class Worker:
    """A process that does one job after the other: `worker(function, *arguments)`."""

    def __init__(self, threads: int) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        # The last cores: the first ones have more of the system's own work.
        chosen = ",".join(map(str, cores()[-threads:]))
        command = [sys.executable, "-m", "benchmarks.worker", str(theirs.fileno()), chosen]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process runs
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(threads),
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
        )
        theirs.close()

    def __call__(self, function: Callable[..., Any], *arguments: object) -> Any:
        """The function's result; WorkerError where it raised or its process ended."""
        try:
            self.connection.send((function, arguments))
            result, error = self.connection.recv()
        except (EOFError, OSError):
            raise WorkerError(f"its process ended with status {self.process.wait()}: {self._last_words()}") from None
        if error is not None:
            raise WorkerError(error)
        return result

    def _last_words(self) -> str:
        self.errors.seek(0)
        return (self.errors.read().splitlines() or ["it said nothing"])[-1]

    def close(self) -> None:
        self.connection.close()
        self.process.wait()


def serve(connection: Connection) -> None:
    """Do jobs until the other end is closed."""
    while True:
        try:
            function, arguments = connection.recv()
            answer = function(*arguments), None
        except EOFError:
            return
        except Exception as error:
            lines = str(error).splitlines() or [""]
            answer = None, f"{type(error).__name__}: {lines[0]}"
        connection.send(answer)


if __name__ == "__main__":
    if sys.argv[2]:
        os.sched_setaffinity(0, [int(core) for core in sys.argv[2].split(",")])
    serve(Connection(int(sys.argv[1])))
