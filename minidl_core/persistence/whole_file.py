"""Files that are there as a whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from minidl_core.errors import RequestError, StorageError

try:
    import fcntl
except ImportError:  # Windows, where a file cannot be removed while someone has it open
    fcntl = None  # type: ignore[assignment]

Parts = bytes | Iterable[bytes | memoryview]
"""What is to be in a file, in one piece or in several, so that a large file is never in memory as a whole."""

_LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.tmp", re.DOTALL)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(path: str | Path, parts: Parts) -> None:
    """Write a file so that there is the old one or the new one, never a part; and once written it outlasts a power cut.

    Raises StorageError where it cannot be written; what was there before is then there still.
    """
    place = Path(path)
    with _as_storage_error(place):
        _require_file(place)
    with _temporary(place, parts) as (temporary, folder):
        with _as_storage_error(place):
            os.replace(temporary, place)
        _confirm(place, folder)


def write_new(path: str | Path, parts: Parts) -> None:
    """The same for a name that nothing has yet: nothing is overwritten.

    Raises RequestError where something has it, and StorageError where the file cannot be written.
    """
    place = Path(path)
    _require_new(place)
    with _temporary(place, parts) as (temporary, folder):
        with _as_storage_error(place):
            try:
                _give_name(temporary, place)
            except FileExistsError:
                _require_new(place)
                raise
        _confirm(place, folder)


def is_leftover(name: str) -> bool:
    """Whether a file of this name is one that is being written, or that a process which was killed has left."""
    return _LEFTOVER.fullmatch(name) is not None


def remove_leftovers(folder: str | Path, name: str | None = None) -> None:
    """Remove what processes that were killed have left of files that they wrote in a folder; or of one such file.

    What a process still writes is left alone. What cannot be removed stays.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFTOVER.fullmatch(entry.name)
            if found and name in (None, found["name"]) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_if_abandoned(entry.path)


def _remove_if_abandoned(path: str) -> None:
    with open(path, "rb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its writer holds this lock as long as it lives
            os.unlink(path)
    if fcntl is None:
        os.unlink(path)


@contextlib.contextmanager
def _temporary(place: Path, parts: Parts) -> Iterator[tuple[Path, int | None]]:
    """A file beside its place with these contents, on the disk, and the folder, opened; gone at the end."""
    remove_leftovers(place.parent, place.name)  # first, since a full disk may have room without them
    with contextlib.ExitStack() as stack:
        with _as_storage_error(place):
            folder = stack.enter_context(_opened(place.parent))
            temporary, file = _created(place, stack)
        for part in [parts] if isinstance(parts, bytes) else parts:  # errors of whoever makes the parts are not ours
            with _as_storage_error(place):
                file.write(part)
        with _as_storage_error(place):
            file.flush()
            os.fsync(file.fileno())
        if fcntl is None:
            file.close()  # Windows renames no open file; elsewhere the lock is held until it has its name
        yield temporary, folder


def _created(place: Path, stack: contextlib.ExitStack) -> tuple[Path, BinaryIO]:
    """A new file under a temporary name, locked; closed and removed at the end."""
    while True:
        temporary = place.parent / f".{place.name}.{secrets.token_hex(8)}.tmp"
        stack.callback(_remove, temporary)  # before it is there, so that no interruption comes in between
        file = open(temporary, "xb")  # noqa: SIM115, it is closed by the stack
        stack.callback(_close, file)
        if _is_locked(file):
            return temporary, file


def _is_locked(file: BinaryIO) -> bool:
    """Whether the lock on a new file was had before someone else took it for a leftover."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # where there are no locks, no one takes it for a leftover either
            raise
    return os.fstat(file.fileno()).st_nlink > 0


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # what it could not write has been told
        file.close()


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A folder as a file descriptor; None where the system opens none (Windows), or not for us."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _confirm(place: Path, folder: int | None) -> None:
    """Have the new name in the folder written to the disk."""
    try:
        if folder is not None:
            os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing
            raise StorageError(
                f"'{place}' is written, but might not outlast a power cut, since its folder cannot be written to the "
                f"disk: {_reason(error)}"
            ) from None


def _give_name(temporary: Path, place: Path) -> None:
    """Give a file a name that nothing has. Raises FileExistsError where something has it."""
    try:
        os.link(temporary, place)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with open(place, "xb"):  # a file system without links, such as FAT: hold the name, then replace what holds it
            pass
        os.replace(temporary, place)


def _require_new(place: Path) -> None:
    if os.path.lexists(place):
        raise RequestError(f"'{place}' exists, and nothing is overwritten; give a new file")


def _require_file(place: Path) -> None:
    """Raise StorageError where there is something else than a file, which a file would take the place of."""
    with contextlib.suppress(FileNotFoundError):
        mode = place.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise StorageError(f"cannot write '{place}': it is {what}; give the name of a file")


@contextlib.contextmanager
def _as_storage_error(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        advice = ""
        if error.errno in _FULL:
            advice = f"; make room there, or write to another disk than that of '{place.parent.absolute()}'"
        elif not place.parent.is_dir():
            advice = f"; '{place.parent}' is no folder, create it or give another"
        raise StorageError(f"cannot write '{place}': {_reason(error)}{advice}") from None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
