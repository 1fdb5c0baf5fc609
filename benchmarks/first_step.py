"""From the start of `minidl train` to its first step, beyond the time of `import torch`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.compare import Log, Spread
from benchmarks.worker import cores, environment

# A plugin tells when an epoch of one step has ended: the first moment that minidl shows to anyone.
PLUGIN = """
import time
from minidl_core import hookimpl

@hookimpl
def minidl_epoch_end(run, epoch, loss):
    open("first_step", "w").write(repr(time.monotonic()))
"""
METADATA = "Metadata-Version: 2.1\nName: minidl-first-step\nVersion: 1\n"
ENTRY_POINT = "[minidl]\nfirst_step = minidl_first_step\n"
TORCH = 'import time, torch; open("first_step", "w").write(repr(time.monotonic()))'
MODEL = "linear(_,25)-relu-linear(25,_)"
TRAIN = ["train", "disk(n=100)", "--model", MODEL, "--epochs", "1", "--batch-size", "100"]


def seconds(command: list[str], folder: Path) -> float:
    """From the start of a process until it says that it is there."""
    start = time.monotonic()
    variables = environment(1) | {"PYTHONPATH": str(folder)}
    subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True)
    return float((folder / "first_step").read_text()) - start


def measure(repeats: int, log: Log) -> list[tuple[float, float]]:
    """Seconds to minidl's first step and of importing torch, in turn."""
    everywhere = cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "minidl_first_step.py").write_text(PLUGIN)
        information = folder / "minidl_first_step-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(METADATA)
        (information / "entry_points.txt").write_text(ENTRY_POINT)
        pairs = []
        try:
            if everywhere:
                os.sched_setaffinity(0, everywhere[-1:])  # a new process takes the same
            for repeat in range(repeats + 1):
                ours = seconds([sys.executable, "-m", "minidl_core", *TRAIN, "--out", f"run-{repeat}"], folder)
                pairs.append((ours, seconds([sys.executable, "-c", TORCH], folder)))
        finally:
            if everywhere:
                os.sched_setaffinity(0, everywhere)
    pairs = pairs[1:]  # the first ones read the files into memory
    beyond = Spread.of(ours - torch for ours, torch in pairs)
    log(f"first step: {beyond.median:.2f} s beyond `import torch` ({beyond.low:.2f} to {beyond.high:.2f})")
    return pairs
