"""One process at a time writes a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from minidl_core.errors import StorageError

LOCK_NAME = ".lock"


SECONDS = 0.3
"""In which whoever only looks whether a folder is held, see `is_locked`, has let go of it."""


@contextmanager
def locked(folder: str | Path, seconds: float = SECONDS) -> Iterator[None]:
    """Hold a folder for this process. The system lets go of it when the process ends, however that happens.

    The file `.lock` stays there; it says nothing. Raises StorageError where another holds the folder for so many
    seconds, or where it cannot be written.
    """
    if not Path(folder).is_dir():
        raise StorageError(f"cannot write in '{folder}': there is no such folder; create it or give another")
    lock = FileLock(Path(folder) / LOCK_NAME)
    try:
        lock.acquire(timeout=seconds, poll_interval=0.02)
    except Timeout:
        raise StorageError(
            f"another minidl process is writing '{folder}'; wait until it has ended, or give another folder"
        ) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot write in '{folder}': {reason}") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: str | Path) -> bool:
    """Whether a process holds a folder; False where no one ever has."""
    if not (Path(folder) / LOCK_NAME).exists():
        return False
    try:
        with locked(folder, seconds=0):
            return False
    except StorageError:
        return True
