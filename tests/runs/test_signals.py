"""Ctrl-C and SIGTERM while a run is trained and written, and two processes that would write one folder."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from run_processes import (
    STEPS,
    TRAIN,
    Outcome,
    Process,
    ended,
    leftovers,
    names_in,
    outcome,
    ran,
    require_readable,
    started,
    wait_until,
    wait_until_written,
)

from minidl_core.runs import resume
from minidl_core.runs.checkpoint_file import read_checkpoint
from minidl_core.runs.compare import state_of
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.record import FILE_NAME, read_record

pytestmark = pytest.mark.usefixtures("core_alone")

SIGNALS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
RUN = (*TRAIN, "--epochs", "60", "--out", "run")
LONG = (*TRAIN, "--epochs", "4000", "--patience", "3500", "--out", "run")
RESUME = ("train", "--resume", "run", "--quiet")

AT_A_STEP = """
import os
from minidl_core.cli.interruption import Interruption

ask, asked = Interruption.stop, 0

def stop(interruption):
    global asked
    asked += 1
    ask(interruption)
    if asked == {call}:
        os.kill(os.getpid(), {number})
    return ask(interruption)

Interruption.stop = stop
"""
"""The signal comes after a step: at the so-manieth time that the training asks whether to stop."""

AT_A_WRITE = """
import os

write, written = os.fsync, 0

def fsync(descriptor):
    global written
    written += 1
    if written in {calls}:
        os.kill(os.getpid(), {number})
    write(descriptor)

os.fsync = fsync
"""
"""The signal comes each time that the so-manieth file, or folder, is written to the disk."""

TELLS_WHETHER_IMPORTED = """
import atexit, sys

atexit.register(lambda: print("imported:", "minidl_core.runs.trainings" in sys.modules, file=sys.stderr))
"""

# A shell may have told its background processes, this one's parent perhaps, to ignore Ctrl-C.
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of a run that is never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert ran(folder, *RUN).code == 0
    return outcome(folder / "run")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that takes seconds and is never stopped."""
    folder = tmp_path_factory.mktemp("long")
    assert ran(folder, *LONG).code == 0
    return folder / "run"


def steps_kept(run: Path) -> int:
    """How many steps the checkpoint has."""
    checkpoint, _ = read_checkpoint(RunFolder(run).checkpoint, read_record(run).request)
    course = checkpoint["course"]
    return len(course.tensors["history"]) * STEPS + int(course.numbers["done"])


def has_torch(process: Process) -> bool:
    """Whether it has begun to import torch."""
    try:
        return "libtorch" in Path(f"/proc/{process.pid}/maps").read_text()
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "steps", "number", "code"),
    [
        (1, 1, signal.SIGINT, 130),
        (2, 2, signal.SIGTERM, 143),
        (STEPS, STEPS, signal.SIGINT, 130),
        (STEPS + 1, STEPS, signal.SIGTERM, 143),  # between two epochs it is asked once more
        (5 * (STEPS + 1) + 3, 5 * STEPS + 3, signal.SIGINT, 130),
    ],
)
def test_the_checkpoint_is_of_the_step_at_hand_and_the_run_goes_on_from_it(
    call: int, steps: int, number: signal.Signals, code: int, whole: Outcome, tmp_path: Path
) -> None:
    found = ran(tmp_path, *RUN, prelude=HEARS + AT_A_STEP.format(call=call, number=int(number)))
    assert found.code == code, found
    done = f"{steps // STEPS} of 60 epochs were done"
    assert found.err.startswith(f"minidl: interrupted; {done}; the model and the figures are those of that moment; ")
    assert found.err.endswith("; go on with: minidl train --resume run\n")
    assert found.err.count("\n") == 1
    assert "accuracy" in found.out
    assert steps_kept(tmp_path / "run") == steps
    assert read_record(tmp_path / "run").state == "interrupted"
    require_readable(tmp_path / "run")
    assert ran(tmp_path, *RESUME).code == 0
    assert outcome(tmp_path / "run") == whole


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_interrupted_again_and_again_from_without_comes_to_the_same_end(
    number: signal.Signals, code: int, long: Path, tmp_path: Path
) -> None:
    drawn, run, seconds = random.Random(5), tmp_path / "run", read_record(long).seconds
    process = started(tmp_path, *LONG, prelude=HEARS)
    for _ in range(3):
        wait_until_written(run / FILE_NAME, process)
        time.sleep(drawn.uniform(0.05, 0.15) * seconds)  # of a machine that was busier then, perhaps
        process.send_signal(number)
        assert ended(process).code == code
        require_readable(run)
        assert leftovers(run) == []
        process = started(tmp_path, *RESUME, prelude=HEARS)
    assert ended(process).code == 0
    assert outcome(run) == outcome(long)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("second", "number", "code", "said"),
    [(5, *SIGNALS[0]), (6, *SIGNALS[1]), (7, *SIGNALS[0]), (9, *SIGNALS[1]), (10, *SIGNALS[0])],
)
def test_a_second_signal_while_it_saves_ends_it_at_once(
    second: int, number: signal.Signals, code: int, said: str, whole: Outcome, tmp_path: Path
) -> None:
    """The first comes while the first epoch's checkpoint is written, the second in the checkpoint after the next step.

    A file is two writes, itself and its folder: those of run.json, then of checkpoint, history, run.json and model.
    """
    prelude = HEARS + AT_A_WRITE.format(calls=(3, 6 + second), number=int(number))
    found = ran(tmp_path, *RUN, "--save-every", "1", prelude=prelude)
    assert (found.code, found.out, found.err.strip()) == (code, "", f"minidl: {said}")
    run = tmp_path / "run"
    assert leftovers(run) == []
    require_readable(run)
    assert names_in(run) == {".lock", "run.json", "checkpoint.safetensors", "history.csv", "model.safetensors"}
    assert steps_kept(run) == (STEPS if second == 5 else STEPS + 1)
    resume(run)
    assert outcome(run) == whole


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code", "said"), SIGNALS)
def test_a_second_signal_while_it_measures_ends_it_at_once(
    number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    large = ("train", "disk(n=400000)", "--model", "linear(_,64)-tanh-linear(64,_)", "--metric", "roc_auc", "--quiet")
    run = tmp_path / "run"
    process = started(tmp_path, *large, "--batch-size", "1000", "--rounds", "3", "--out", "run", prelude=HEARS)
    wait_until((run / FILE_NAME).exists, process)
    time.sleep(0.5)
    process.send_signal(number)
    wait_until((run / "model.safetensors").exists, process)
    process.send_signal(number)
    began = time.monotonic()
    found = ended(process)
    print(f"ended after {time.monotonic() - began:.1f} s")
    assert (found.code, found.out, found.err.strip()) == (code, "", f"minidl: {said}")
    assert leftovers(run) == []
    require_readable(run)
    assert RunFolder(run).has_checkpoint
    assert read_record(run).state == "running"


@pytest.mark.parametrize(("number", "code", "said"), SIGNALS)
@pytest.mark.parametrize("call", [1, 2])
def test_a_signal_before_the_first_step_leaves_no_folder(
    call: int, number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    """While run.json is written, and its folder."""
    prelude = HEARS + AT_A_WRITE.format(calls=(call,), number=int(number))
    found = ran(tmp_path, *RUN[:-1], "new/run", prelude=prelude)
    assert (found.code, found.out, found.err.strip()) == (code, "", f"minidl: {said}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code", "said"), SIGNALS)
def test_a_signal_while_libraries_are_imported_ends_it_when_they_are(
    number: signal.Signals, code: int, said: str, tmp_path: Path
) -> None:
    process = started(tmp_path, *RUN, prelude=HEARS + TELLS_WHETHER_IMPORTED)
    wait_until(lambda: has_torch(process), process)
    process.send_signal(number)
    found = ended(process)
    assert (found.code, found.out, found.err.split("\n")[-3:]) == (code, "", [f"minidl: {said}", "imported: True", ""])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_another_process_writes_is_refused_until_that_one_has_gone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    owner = started(tmp_path, *TRAIN, "--epochs", "100000", "--save-every", "1", "--out", "run", prelude=HEARS)
    wait_until((run / "model.safetensors").exists, owner)
    said = f"minidl: another minidl process is writing '{run}'; wait until it has ended, or give another folder\n"
    assert ran(tmp_path, *RESUME) == (1, "", said)
    new = ran(tmp_path, *RUN)
    assert (new.code, new.out) == (2, "")
    assert new.err.startswith("minidl: 'run' has a run already, and nothing is overwritten; ")
    assert owner.poll() is None
    assert state_of(run, read_record(run)) == "running"
    owner.kill()
    assert ended(owner).code == -9
    assert state_of(run, read_record(run)) == "killed"
    heir = started(tmp_path, *RESUME, prelude=HEARS)
    wait_until_written(run / FILE_NAME, heir)
    time.sleep(0.5)
    heir.send_signal(signal.SIGINT)
    assert ended(heir).code == 130
    assert leftovers(run) == []
    require_readable(run)
