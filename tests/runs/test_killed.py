"""A run whose process is killed, or whose disk fails, at any moment: what is there is whole, and it goes on from there
to the same end."""

from __future__ import annotations

import random
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from run_processes import (
    ROUNDS,
    TRAIN,
    Outcome,
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
from tracing import Call, calls_within, forks, needs_strace, traced

from minidl_core.errors import ModelFileError
from minidl_core.runs import resume, train
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.history import FILE_NAME as HISTORY
from minidl_core.runs.record import FILE_NAME, read_record
from minidl_core.training import load_model

pytestmark = pytest.mark.usefixtures("core_alone")

FILES = {".lock", "run.json", "history.csv", "model.safetensors", "checkpoint.safetensors", "report.html"}


class Whole(NamedTuple):
    """A run that was never stopped."""

    arguments: tuple[str, ...]
    outcome: Outcome


@pytest.fixture(scope="module", params=[("--epochs", "120"), ("--epochs", "200", "--patience", "40")], ids=len)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    arguments = (*TRAIN, *request.param, "--save-every", "1", "--out", "run")
    assert ran(folder, *arguments).code == 0
    return Whole(arguments, outcome(folder / "run"))


def killed(folder: Path, *arguments: str, epochs: int, after: float) -> None:
    """Run it, and kill it so many seconds after it has done so many epochs, where it has not ended by then."""
    process = started(folder, *arguments)
    wait_until_written(folder / "run" / FILE_NAME, process)
    wait_until(lambda: epochs_in(folder / "run") >= epochs, process)
    time.sleep(after)
    process.kill()
    assert ended(process).code in (0, -9)


def epochs_in(run: Path) -> int:
    """How many epochs its history has by now."""
    history = run / HISTORY
    return history.read_bytes().count(b"\n") // ROUNDS if history.exists() else 0


def is_done(run: Path) -> bool:
    return read_record(run).state == "done"


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_goes_on_to_the_same_end(whole: Whole, tmp_path: Path) -> None:
    drawn, most = random.Random(17), whole.outcome.epochs
    running = [0, 0]
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = folder / "run"
        epochs = drawn.randint(0, most)
        killed(folder, *whole.arguments, epochs=epochs, after=drawn.uniform(0, 0.05))
        require_readable(run)
        if not is_done(run):
            running[0] += 1
            again = ("train", "--resume", "run", "--save-every", "1")
            killed(folder, *again, epochs=drawn.randint(epochs, most), after=drawn.uniform(0, 0.05))
            require_readable(run)
        if not is_done(run):
            running[1] += 1
            resume(run)
        assert outcome(run) == whole.outcome, number
        assert names_in(run) == FILES, number
    print(f"killed {running[0]} of 8 runs, and {running[1]} of them once more")
    assert running[0] >= 4
    assert running[1] >= 1


def test_a_run_that_is_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    arguments = (*TRAIN, "--epochs", "40", "--save-every", "40", "--out")
    assert ran(tmp_path, *arguments, "whole").code == 0
    killed(tmp_path, *arguments, "run", epochs=0, after=0)
    assert not RunFolder(tmp_path / "run").has_checkpoint
    with pytest.raises(ModelFileError, match=r"there is no model file '.*model\.safetensors'"):
        load_model(tmp_path / "run")
    assert ran(tmp_path, "train", "--resume", "run").code == 0
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
    assert names_in(tmp_path / "run") == FILES


def test_whoever_reads_the_model_while_it_is_written_sees_a_whole_one(tmp_path: Path) -> None:
    process = started(tmp_path, *TRAIN, "--epochs", "200", "--save-every", "1", "--out", "run")
    model = tmp_path / "run" / "model.safetensors"
    wait_until(model.exists, process)
    read, seen = 0, set()
    while process.poll() is None:
        seen.add(load_model(model).model.parameters.values.sum().item())
        read += 1
    assert ended(process).code == 0
    print(f"read {read} times, {len(seen)} models")
    assert len(seen) > 20


class Calls(NamedTuple):
    """A run that was traced: what it gave, and the calls with which it wrote its folder."""

    run: Path
    outcome: Outcome
    found: list[Call]

    def of(self, name: str) -> list[Call]:
        return [call for call in self.found if call.name == name]

    def of_file(self, file: str, name: str) -> list[Call]:
        """The calls of this name that are of a file while it is written."""
        return [
            call for call in self.of(name) if re.search(rf"/\.{re.escape(file)}\.[0-9a-f]{{16}}\.tmp[>\"]", call.shown)
        ]


SHORT = (*TRAIN, "--epochs", "3", "--save-every", "1", "--out")
PROGRAM = ["-m", "minidl_core"]


def train_short(out: Path) -> None:
    """The same within this process."""
    options = {"loss": "mse", "optimizer": "sgd(lr=0.5)", "schedule": "cosine", "rounds": ROUNDS, "batch_size": 10}
    train("linear(_,6)-tanh-linear(6,_)", "disk(n=60)", epochs=3, save_every=1, out=out, **options)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    folder = tmp_path_factory.mktemp("traced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIDL_LOAD_PLUGINS", "")
        ran = traced([*PROGRAM, *SHORT, str(folder / "run")], folder / "trace")
    assert (ran.returncode, ran.stderr) == (0, "")
    found = calls_within(folder / "trace", folder / "run")
    return Calls(folder / "run", outcome(folder / "run"), [one for one in found if is_writing(one)])


def is_writing(call: Call) -> bool:
    """Whether it is no look at what is there."""
    return call.name != "openat" or "O_CREAT" in call.shown


def struck(call: Call, how: str, run: Path) -> subprocess.CompletedProcess[str]:
    """A run to whose call this happens: `signal=KILL`, `error=EIO`."""
    trace = run.parent / "trace"
    return traced([*PROGRAM, *SHORT, str(run)], trace, f"{call.name}:{how}:when={call.when}", call.name)


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(FILES - {".lock"}))
def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_is_before_the_next_file(
    file: str, calls: Calls
) -> None:
    names = calls.of_file(file, "rename")
    assert len(names) == {"run.json": 5, "report.html": 1}.get(file, 3)
    for rename in names:
        [temporary] = re.findall(r"\.[0-9a-f]{16}\.tmp", rename.shown)
        assert rename.shown.count(f'{calls.run}/{file}"') == 1
        place = calls.found.index(rename)
        before, after = calls.found[place - 1], calls.found[place + 1]
        assert (before.name, after.name) == ("fsync", "fsync")
        assert f"{temporary}>" in before.shown
        assert f"<{calls.run}>" in after.shown
        writes = [one for one in calls.of("write") if temporary in one.shown]
        assert writes
        assert all(calls.found.index(one) < place - 1 for one in writes)


@needs_strace
@pytest.mark.slow
def test_a_run_that_is_killed_at_any_call_goes_on_to_the_same_end(calls: Calls, tmp_path: Path) -> None:
    begun, trace = 0, tmp_path / "trace"
    with forks() as forked:
        assert forked.traced([*SHORT, str(tmp_path / "run")], trace) == 0
        found = [call for call in calls_within(trace, tmp_path / "run") if is_writing(call)]
        assert [call.name for call in found] == [call.name for call in calls.found]
        for number, call in enumerate(found):
            run = tmp_path / str(number) / "run"
            run.parent.mkdir()
            killing = f"{call.name}:signal=KILL:when={call.when}"
            assert forked.traced([*SHORT, str(run)], trace, killing, call.name) == -9, call
            require_readable(run)
            if not (run / FILE_NAME).exists():  # nothing is there to go on from, and nothing is in the way
                train_short(run)
            else:
                begun += 1
                if not is_done(run):
                    resume(run)
            assert outcome(run) == calls.outcome, call
            assert names_in(run) == FILES, call
    print(f"killed at {len(found)} calls, {begun} times after the run had begun")
    assert 0 < begun < len(found)


FAILURES = [
    ("checkpoint.safetensors", "write", "ENOSPC"),
    ("checkpoint.safetensors", "fsync", "EIO"),
    ("checkpoint.safetensors", "rename", "EIO"),
    ("model.safetensors", "write", "EIO"),
    ("model.safetensors", "fsync", "ENOSPC"),
    ("history.csv", "write", "ENOSPC"),
    ("report.html", "fsync", "ENOSPC"),
    ("run.json", "write", "EIO"),
]


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(("file", "name", "error"), FAILURES)
def test_what_cannot_be_written_in_the_end_is_told_and_can_be_made_good(
    file: str, name: str, error: str, calls: Calls, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ended = struck(calls.of_file(file, name)[-1], f"error={error}", run)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert ended.stderr.startswith(f"minidl: cannot write '{run / file}': ")
    assert ("make room there" in ended.stderr) == (error == "ENOSPC")
    assert "accuracy" in ended.stdout
    assert "saved in" not in ended.stdout
    assert leftovers(run) == []
    require_readable(run)
    assert names_in(run) == (FILES - {file} if file == "report.html" else FILES)
    resume(run)
    assert outcome(run) == calls.outcome
    assert names_in(run) == FILES


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(("file", "name", "error"), FAILURES[:6:2])
def test_what_cannot_be_written_for_a_moment_is_told_and_the_training_goes_on(
    file: str, name: str, error: str, calls: Calls, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ended = struck(calls.of_file(file, name)[0], f"error={error}", run)
    assert ended.returncode == 0
    assert re.fullmatch(rf"minidl: cannot write '{run / file}': .*; the training goes on\n", ended.stderr)
    assert outcome(run) == calls.outcome
    assert names_in(run) == FILES


@needs_strace
@pytest.mark.slow
def test_a_run_that_cannot_begin_to_write_leaves_no_folder(calls: Calls, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = struck(calls.of_file("run.json", "write")[0], "error=ENOSPC", run)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"minidl: cannot write '{run / 'run.json'}': ")
    assert not run.exists()
