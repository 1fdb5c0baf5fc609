"""A file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from minidl_core.errors import RequestError, StorageError
from minidl_core.persistence import whole_file
from minidl_core.persistence.whole_file import remove_leftovers, write_new, write_whole

WRITES: list[Callable[[Path, Any], None]] = [write_whole, write_new]
OLD = b"old" * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place in a folder of its own."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "file.bin"


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("parts", [b"", b"one", [], [b"one", memoryview(b"two"), b""], iter([b"x" * 10**6] * 3)])
def test_the_parts_are_the_file(write: Callable[..., None], parts: Any, path: Path) -> None:
    given = [parts] if isinstance(parts, bytes) else list(parts)
    write(path, iter(given))
    assert path.read_bytes() == b"".join(given)
    assert names(path) == ["file.bin"]


@pytest.mark.parametrize("write", WRITES)
def test_a_name_without_a_folder_is_in_the_present_one(
    write: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("file", b"x")
    assert Path("file").read_bytes() == b"x"


def test_large_parts_are_written_one_at_a_time(path: Path) -> None:
    alive = 0

    class Part(bytearray):
        def __init__(self) -> None:
            nonlocal alive
            alive += 1
            assert alive <= 2  # the one that is made while the name of the last one still holds it
            super().__init__(b"x" * 10**6)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    write_whole(path, (memoryview(Part()) for _ in range(10)))
    assert path.stat().st_size == 10**7


def fail_with(number: int) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_whoever_makes_the_parts_may_fail(write: Callable[..., None], error: type[BaseException], path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"x" * 10**6
        raise error("here")

    if write is write_whole:
        path.write_bytes(OLD)
    before = names(path)
    with pytest.raises(error, match="here"):
        write(path, parts())
    assert names(path) == before
    assert not before or path.read_bytes() == OLD


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("function", ["replace", "fsync", "open"])
def test_a_write_that_fails_leaves_the_old_file(
    function: str, number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(OLD)
    with monkeypatch.context() as patched:
        patched.setattr(os, function, fail_with(number))
        with pytest.raises(StorageError) as error:
            write_whole(path, b"new")
    assert str(error.value).startswith(f"cannot write '{path}': {os.strerror(number)}")
    assert ("make room" in str(error.value)) == (number != errno.EIO)
    assert names(path) == ["file.bin"]
    assert path.read_bytes() == OLD


def test_a_folder_that_cannot_be_opened_is_written_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail_with(errno.EACCES))
        write_whole(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("absent/file", "No such file or directory; '{folder}' is no folder, create it or give another"),
        ("file/file", "Not a directory; '{folder}' is no folder, create it or give another"),
        ("folder", "it is a folder; give the name of a file"),
        ("fifo", "it is no regular file; give the name of a file"),
        ("x" * 250, "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(place: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StorageError) as error:
        write_whole(tmp_path / place, b"new")
    assert str(error.value) == f"cannot write '{tmp_path / place}': {reason.format(folder=(tmp_path / place).parent)}"
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["fifo", "file", "folder"]


@pytest.mark.parametrize("there", ["file", "folder", "dangling", "fifo"])
def test_nothing_is_overwritten_by_a_new_file(there: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(RequestError, match=f"'{tmp_path / there}' exists, and nothing is overwritten; give a new file"):
        write_new(tmp_path / there, b"new")
    assert (tmp_path / "file").read_bytes() == OLD
    assert len(list(tmp_path.iterdir())) == 4


def test_what_comes_to_be_there_meanwhile_is_not_overwritten_either(path: Path) -> None:
    def parts() -> Iterator[bytes]:
        path.write_bytes(OLD)
        yield b"new"

    with pytest.raises(RequestError, match="exists, and nothing is overwritten"):
        write_new(path, parts())
    assert path.read_bytes() == OLD
    assert names(path) == ["file.bin"]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_system_without_links(is_there: bool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parts() -> Iterator[bytes]:
        if is_there:
            path.write_bytes(OLD)
        yield b"new"

    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    if is_there:
        with pytest.raises(RequestError, match="exists, and nothing is overwritten"):
            write_new(path, parts())
    else:
        write_new(path, parts())
    assert path.read_bytes() == (OLD if is_there else b"new")
    assert names(path) == ["file.bin"]


def leftover(path: Path, name: str = "file.bin", random: str = "0123456789abcdef") -> Path:
    place = path.with_name(f".{name}.{random}.tmp")
    place.write_bytes(b"half")
    return place


def test_the_next_write_removes_what_was_left_behind_of_that_name(path: Path) -> None:
    leftover(path)
    other = leftover(path, "file.bin.more")
    write_whole(path, b"new")
    assert names(path) == sorted(["file.bin", other.name])


def test_all_leftovers_of_a_folder_are_removed_and_nothing_else(path: Path) -> None:
    for name in ("file.bin", "x", "a\nb", ".hidden"):
        leftover(path, name)
    kept = [".file.bin.tmp", "file.bin.0123456789abcdef.tmp", ".file.0123456789abcdeX.tmp", ".lock", "x"]
    for name in kept:
        path.with_name(name).write_bytes(b"")
    path.with_name(".folder.0123456789abcdef.tmp").mkdir()
    path.with_name(".link.0123456789abcdef.tmp").symlink_to("x")
    os.mkfifo(path.with_name(".fifo.0123456789abcdef.tmp"))
    remove_leftovers(path.parent)
    others = [f".{name}.0123456789abcdef.tmp" for name in ("folder", "link", "fifo")]
    assert names(path) == sorted(kept + others)
    remove_leftovers(path.parent / "absent")


def test_what_another_process_still_writes_is_left_alone_until_it_is_killed(path: Path) -> None:
    code = (
        "import sys; from minidl_core.persistence.whole_file import write_whole\n"
        "def parts():\n"
        "    yield b'x' * 10**6\n"
        "    print('writing', flush=True)\n"
        "    sys.stdin.read()\n"
        f"write_whole({str(path)!r}, parts())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"writing\n"
        [temporary] = names(path)
        write_whole(path, b"ours")
        remove_leftovers(path.parent)
        assert names(path) == sorted([temporary, "file.bin"])
        writer.kill()
        writer.wait()
    assert names(path) == sorted([temporary, "file.bin"])
    write_whole(path, b"again")
    assert names(path) == ["file.bin"]


def test_writers_and_removers_at_once_lose_nothing(path: Path) -> None:
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            remove_leftovers(path.parent)

    def write(text: bytes) -> None:
        for _ in range(100):
            write_whole(path, text)
            assert len(set(path.read_bytes())) == 1

    removers = [threading.Thread(target=remove) for _ in range(2)]
    failures: list[BaseException] = []

    def guarded(text: bytes) -> None:
        try:
            write(text)
        except BaseException as error:  # told below
            failures.append(error)

    writers = [threading.Thread(target=guarded, args=(bytes([letter]) * 5000,)) for letter in b"abc"]
    for thread in removers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    for thread in removers:
        thread.join()
    assert failures == []
    assert names(path) == ["file.bin"]


def test_a_file_that_was_taken_for_a_leftover_before_it_was_locked_is_made_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole_file.fcntl is not None
    flock, taken = whole_file.fcntl.flock, []

    def steal_first(file: Any, how: int) -> None:
        if len(taken) < 3:
            taken.append(file.name)
            os.unlink(file.name)
        flock(file, how)

    monkeypatch.setattr(whole_file.fcntl, "flock", steal_first)
    write_whole(path, b"new")
    assert len(set(taken)) == 3
    assert path.read_bytes() == b"new"
    assert names(path) == ["file.bin"]


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_file.fcntl, "flock", fail_with(errno.ENOLCK))
    old = leftover(path)
    write_whole(path, b"new")
    assert names(path) == sorted(["file.bin", old.name])


def test_it_needs_no_torch() -> None:
    code = "import sys, minidl_core.persistence.whole_file; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
