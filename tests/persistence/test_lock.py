"""Two processes cannot write one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from minidl_core.errors import StorageError
from minidl_core.persistence.lock import locked

HOLDS = (
    "import sys; from minidl_core.persistence.lock import locked\n"
    "with locked(sys.argv[1]):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


def refused(folder: Path) -> str:
    with pytest.raises(StorageError) as error, locked(folder):
        pass
    return str(error.value)


@pytest.mark.parametrize("end", ["killed", "in order"])
def test_a_folder_that_another_process_holds_is_refused_at_once_and_free_when_that_ends(
    end: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        assert owner.stdin
        assert owner.stdout.readline() == b"held\n"
        began = time.monotonic()
        said = f"another minidl process is writing '{tmp_path}'; wait until it has ended, or give another folder"
        assert refused(tmp_path) == said
        assert time.monotonic() - began < 1
        if end == "killed":
            owner.kill()
            assert owner.wait() == -signal.SIGKILL
        else:
            owner.stdin.close()
            assert owner.wait() == 0
    with locked(tmp_path):
        assert refused(tmp_path) == said
    with locked(tmp_path):
        pass


def test_an_error_within_lets_go_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("place", ["absent", "file"])
def test_a_folder_that_is_none_is_refused_by_name(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = f"cannot write in '{tmp_path / place}': there is no such folder; create it or give another"
    assert refused(tmp_path / place) == said
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert refused(tmp_path) == f"cannot write in '{tmp_path}': Permission denied"


def test_a_lock_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    assert refused(tmp_path) == f"cannot write in '{tmp_path}': Is a directory"


def test_who_only_looks_whether_a_folder_is_held_keeps_no_one_out(tmp_path: Path) -> None:
    looked = threading.Event()

    def look() -> None:
        with FileLock(tmp_path / ".lock"):
            looked.set()
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    assert looked.wait(10)
    with locked(tmp_path):
        thread.join()
