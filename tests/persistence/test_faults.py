"""The system fails, or the process is killed, at every call with which a file is written: old or new, never a part.

A first run is traced to learn which calls of the process touch the folder; then each of them is made to fail in a run
of its own, with `strace -e inject`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tracing import Call, calls_within, needs_strace, traced

from minidl_core.persistence.whole_file import remove_leftovers, write_whole
from minidl_core.runs import train
from minidl_core.training import load_model, save_model

pytestmark = needs_strace

OLD, NEW = b"old" * 1000, b"n" * 300_000

WRITE = (
    "import sys; from minidl_core.errors import MinidlError; from minidl_core.persistence import whole_file\n"
    "try: getattr(whole_file, sys.argv[1])(sys.argv[2], [b'n' * 100_000] * 3)\n"
    "except MinidlError as error: sys.exit(str(error))\n"
)
SAVE = (
    "import sys; from minidl_core.errors import MinidlError; from minidl_core import load_model, save_model\n"
    "trained = load_model(sys.argv[1])\n"
    "try: save_model(trained, sys.argv[2])\n"
    "except MinidlError as error: sys.exit(str(error))\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is there already, in a folder of its own."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "file"
    path.write_bytes(OLD)
    return path


def calls_of(command: list[str], path: Path, before: bytes | None = OLD) -> list[Call]:
    """What a command does in the folder of a file, which is as it was afterwards."""
    trace = path.parents[1] / "trace"
    ran = traced(command, trace)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert path.read_bytes() != before
    path.unlink() if before is None else path.write_bytes(before)
    return calls_within(trace, path.parent)


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_is_at_the_end(path: Path) -> None:
    calls = calls_of(["-c", WRITE, "write_whole", str(path)], path)
    order = [call.name for call in calls if call.name != "openat"]
    assert order == ["write"] * 3 + ["fsync", "rename", "fsync"]
    *_, of_file, rename, of_folder = [call.shown for call in calls]
    assert re.search(r"\.file\.[0-9a-f]{16}\.tmp>", of_file)
    assert re.search(rf'\.file\.[0-9a-f]{{16}}\.tmp", "{path}"', rename)
    assert f"<{path.parent}>" in of_folder


def test_a_process_that_is_killed_at_any_call_leaves_the_old_file_or_the_new_one(path: Path) -> None:
    command = ["-c", WRITE, "write_whole", str(path)]
    calls = calls_of(command, path)
    assert {call.name for call in calls} == {"openat", "write", "fsync", "rename"}
    leftovers = 0
    for call in calls:
        path.write_bytes(OLD)
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:signal=KILL:when={call.when}")
        assert ran.returncode in (-9, 137), call
        assert path.read_bytes() == (NEW if "rename" in [one.name for one in calls[: calls.index(call)]] else OLD), call
        left = [name for name in names_in(path.parent) if name != "file"]
        assert len(left) <= 1
        leftovers += len(left)
        write_whole(path, b"next")
        assert names_in(path.parent) == ["file"]
    assert leftovers >= 5  # before each write and fsync, and before the new name
    print(f"killed at {len(calls)} calls, {leftovers} leftovers")


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_call_that_fails_is_told_and_leaves_the_old_file_alone(error: str, path: Path) -> None:
    command = ["-c", WRITE, "write_whole", str(path)]
    calls = calls_of(command, path)
    for call in calls:
        path.write_bytes(OLD)
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:error={error}:when={call.when}")
        assert names_in(path.parent) == ["file"]
        if "O_DIRECTORY" in call.shown:  # a look for leftovers, without which a file can be written too
            assert ran.returncode == 0
            continue
        assert ran.returncode == 1, call
        assert ran.stderr.count("\n") == 1, call
        if call == calls[-1]:
            assert path.read_bytes() == NEW
            assert f"'{path}' is written, but might not outlast a power cut" in ran.stderr
        else:
            assert path.read_bytes() == OLD, call
            assert f"cannot write '{path}': " in ran.stderr
            assert ("make room there" in ran.stderr) == (error == "ENOSPC")
    print(f"{error} at {len(calls)} calls")


def test_a_new_file_is_whole_or_not_there_wherever_its_writer_is_killed(path: Path) -> None:
    command = ["-c", WRITE, "write_new", str(path)]
    path.unlink()
    calls = calls_of(command, path, None)
    for call in calls:
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:signal=KILL:when={call.when}")
        assert ran.returncode in (-9, 137), call
        assert not path.exists() or path.read_bytes() == NEW
        assert path.exists() == any("link" in one.name for one in calls[: calls.index(call)])
        path.unlink(missing_ok=True)
        remove_leftovers(path.parent)
        assert names_in(path.parent) == []


@pytest.fixture
def models(path: Path) -> tuple[Path, bytes, bytes]:
    """A model that a process loads and saves over another, and what both files are."""
    source = path.parents[1] / "source"
    save_model(train("linear(_,_)", "disk(n=20)", epochs=1).trained, path)
    save_model(train("linear(_,300)-tanh-linear(300,300)-linear(300,_)", "disk(n=20)", epochs=1).trained, source)
    return source, path.read_bytes(), source.read_bytes()


@pytest.mark.slow
def test_a_model_file_is_the_old_one_or_the_new_one(models: tuple[Path, bytes, bytes], path: Path) -> None:
    source, old, new = models
    command = ["-c", SAVE, str(source), str(path)]
    calls = calls_of(command, path, old)
    order = [call.name for call in calls if call.name != "openat"]
    assert order == ["write"] * (len(order) - 3) + ["fsync", "rename", "fsync"]
    writes = [call for call in calls if call.name == "write"]
    for call in [writes[-1], *calls[-3:]]:
        path.write_bytes(old)
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:signal=KILL:when={call.when}", call.name)
        assert ran.returncode in (-9, 137), call
        assert path.read_bytes() == (new if call == calls[-1] else old)
        assert len(load_model(path).predict(torch.zeros(2, 2, dtype=torch.float64))) == 2
    for call, error in (writes[-1], "ENOSPC"), (calls[-3], "EIO"):
        path.write_bytes(old)
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:error={error}:when={call.when}", call.name)
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), call
        assert f"'{path}'" in ran.stderr
        assert path.read_bytes() == old
        assert names_in(path.parent) == ["file"]


@pytest.mark.slow
def test_predictions_are_whole_or_not_there(models: tuple[Path, bytes, bytes], path: Path) -> None:
    source, *_ = models
    data = path.parents[1] / "data.csv"
    data.write_text(",".join(load_model(source).features.names) + "\n" + "0.5,0.25\n" * 50_000)
    path.unlink()
    command = ["-m", "minidl_core", "predict", str(source), str(data), "-o", str(path)]
    calls = [call for call in calls_of(command, path, None) if call.name != "openat"]
    assert [call.name for call in calls if call.name != "write"] == ["fsync", "link", "fsync"]
    for call in calls[-3:]:  # a write that fails might be one of a thread of polars, which then waits for ever
        ran = traced(command, path.parents[1] / "trace", f"{call.name}:error=ENOSPC:when={call.when}", call.name)
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1), call
        assert ran.stderr.startswith("minidl: ")
        assert f"'{path}'" in ran.stderr
        assert path.exists() == (call == calls[-1])
        path.unlink(missing_ok=True)
        assert names_in(path.parent) == []
