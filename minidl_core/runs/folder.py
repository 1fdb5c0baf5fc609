"""The folder of a run, which one process at a time writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote

from minidl_core.errors import RequestError, StorageError
from minidl_core.persistence.lock import LOCK_NAME, locked
from minidl_core.persistence.whole_file import is_leftover, remove_leftovers
from minidl_core.runs import checkpoint_file, history, record, report
from minidl_core.training import model_file


class RunFolder:
    """Where a run is, and what is in it; wherever the process goes."""

    def __init__(self, path: Path) -> None:
        self.name, self.path = str(path), path.absolute()

    @classmethod
    def new(cls, path: Path) -> RunFolder:
        """One that is not there yet, or empty but for what a process has left that was killed before its run began; it
        is made when it is needed. Raises RequestError for any other, since nothing is ever overwritten."""
        folder = cls(path)
        folder._require_new()
        return folder

    @property
    def model(self) -> Path:
        return self.path / model_file.FILE_NAME

    @property
    def checkpoint(self) -> Path:
        return self.path / checkpoint_file.FILE_NAME

    @property
    def history(self) -> Path:
        return self.path / history.FILE_NAME

    @property
    def report(self) -> Path:
        return self.path / report.FILE_NAME

    @property
    def has_checkpoint(self) -> bool:
        return self.checkpoint.exists()

    @contextmanager
    def created(self) -> Iterator[None]:
        """Make it, and hold it. Where nothing was kept in it, it is gone in the end, and so are folders made for it."""
        missing = [one for one in (self.path, *self.path.parents) if not one.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder '{self.path}': {error.strerror or error}") from None
        with locked(self.path):
            try:
                remove_leftovers(self.path)
                self._require_new()  # nor has another process come first
                yield
            finally:
                self._remove_if_nothing_is_kept(missing)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold it, without what a process that was killed has left there."""
        with locked(self.path):
            remove_leftovers(self.path)
            yield

    def _require_new(self) -> None:
        if (self.path / record.FILE_NAME).exists():
            raise RequestError(
                f"'{self.name}' has a run already, and nothing is overwritten; give a new folder, or go on with that "
                f"run: minidl train --resume {quote(self.name)}"
            )
        try:
            names = {one.name for one in self.path.iterdir()} if self.path.exists() else set()
            is_free = {name for name in names if not is_leftover(name)} <= {LOCK_NAME}
        except OSError:  # a file, or a folder that cannot be read
            is_free = False
        if not is_free:
            raise RequestError(f"'{self.name}' exists, and nothing is overwritten; give a new folder")

    def _remove_if_nothing_is_kept(self, made: list[Path]) -> None:
        """Also the folders that were made for it."""
        with suppress(OSError):
            if {one.name for one in self.path.iterdir()} <= {record.FILE_NAME, LOCK_NAME}:
                for name in record.FILE_NAME, LOCK_NAME:
                    (self.path / name).unlink(missing_ok=True)
                for folder in made:
                    folder.rmdir()
