"""How long the commands take that only read, with all that is installed here: medians of processes of their own.

python benchmarks/start_up.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = (["--help"], ["list-components", "--json"], ["plugins"], ["show", "linear"])
TIMES = 15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "minidl_core", *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    for command in COMMANDS:
        measured = sorted(seconds(command) for _ in range(TIMES))
        spread = f"{measured[0]:.3f} to {measured[-1]:.3f}"
        print(f"minidl {' '.join(command):24} {statistics.median(measured):.3f} s ({spread})")
