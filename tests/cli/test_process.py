"""`minidl` as a process of its own: start-up, terminals, pipes and Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minidl_core.cli.interruption import Interruption

LONG = ("train", "disk", "--model", "linear(_,8)-tanh-linear(8,_)", "--epochs", "1000000", "--out", "out")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "minidl_core", *arguments]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list-components"], ["list-components", "--json"], ["plugins"], ["show", "linear"]]
)
def test_nothing_that_only_reads_imports_torch(arguments):
    program = f"""
import sys
from minidl_core.cli.main import run
code = run({arguments!r})
assert code == 0, code
loaded = [name for name in ("torch", "numpy", "safetensors", "minidl_core.nn") if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_help_of_the_heavy_commands_imports_no_torch_either():
    for command in "train", "evaluate", "predict", "describe":
        program = f"""
import sys
from minidl_core.cli.main import run
assert run([{command!r}, "--help"]) == 0
assert "torch" not in sys.modules
"""
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_no_garbage_is_looked_for_among_modules() -> None:
    program = """
import gc, sys
from minidl_core.cli.main import main
looks = []
gc.callbacks.append(lambda phase, _: looks.append(phase))
sys.argv = ["minidl", "describe", "linear(2,3)"]
try:
    main()
finally:
    assert "torch" in sys.modules
    assert not looks, len(looks)
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_few_modules_are_imported_until_the_first_epoch_ends(tmp_path: Path) -> None:
    """Start-up is the import of torch, and little beside it; what draws, reads tables or compiles comes when needed."""
    program = """
import sys
import torch
of_torch = set(sys.modules)
from minidl_core.cli.main import run
from minidl_core.training.capture.step import CapturedStep
take = CapturedStep.run

def noting(self, *arguments):
    taken = take(self, *arguments)
    print(*sorted(set(sys.modules) - of_torch), file=open("modules", "w"))
    return taken

CapturedStep.run = noting
assert run(["train", "disk(n=100)", "--model", "linear(_,25)-relu-linear(25,_)", "--epochs", "1"]) == 0
"""
    environment = os.environ | {"MINIDL_LOAD_PLUGINS": ""}
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    modules = (tmp_path / "modules").read_text().split()
    ours = [name for name in modules if name.partition(".")[0] == "minidl_core"]
    assert len(ours) <= 180
    assert len(modules) - len(ours) <= 80
    assert not {"llvmlite", "matplotlib", "pandas", "polars", "sklearn"} & set(modules)


def test_a_reader_that_goes_away_is_no_error_of_ours():
    writer = subprocess.Popen(_command("show", "linear"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.wait()
    writer.stderr.close()


def test_a_terminal_shows_a_progress_bar(tmp_path):
    controller, terminal = pty.openpty()
    arguments = [*LONG[:5], "200", *LONG[6:]]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        _command(*arguments), stdout=subprocess.PIPE, stderr=terminal, cwd=tmp_path, env=environment
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    process.stdout.close()
    os.close(controller)
    assert process.wait() == 0
    assert re.search(r"epoch\s+\d+/200", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()))
    assert "/200" not in printed


def test_ctrl_c_ends_cleanly_with_what_there_is(tmp_path):
    process = subprocess.Popen(_command(*LONG), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_until_training(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "accuracy" in out
    evaluated = subprocess.run(_command("evaluate", "out", "disk"), cwd=tmp_path, capture_output=True, check=False)
    assert evaluated.returncode == 0


def test_ctrl_c_while_libraries_are_imported_ends_at_once_and_not_within_them() -> None:
    done = []

    def interrupted() -> None:
        interruption = Interruption()
        with interruption.handled():
            with interruption.postponed():
                signal.raise_signal(signal.SIGINT)
                done.append("imported")
            done.append("trained")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done == ["imported"]


def _wait_until_training(process: subprocess.Popen[str]) -> None:
    """Until the process has used a few seconds of its processor: torch is imported and epochs go by."""
    ticks = os.sysconf("SC_CLK_TCK")
    for _ in range(600):
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks > 4:
            return
        time.sleep(0.1)
    raise AssertionError("the training never began")
