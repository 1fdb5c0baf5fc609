"""A file that TensorBoard reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class EventFile:
    """A file of events in the folder of one of TensorBoard's runs, both made by the first `flush`, and open only then.

    TensorBoard's EventFileWriter, and so torch's SummaryWriter, holds a thread and an open file for each run, and
    raises what its thread failed at one event later, or at exit, or never. A training of many rounds is many runs,
    and its error belongs to the hook that wrote.

    Args:
        first_step: what earlier files in the folder have of this step and later ones is no longer shown.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self._folder = folder
        self._path: Path | None = None
        now, start = time.time(), SessionLog(status=SessionLog.START)
        self._waiting = [
            Event(wall_time=now, file_version="brain.Event:2"),
            Event(wall_time=now, step=first_step, session_log=start),
        ]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Keep scalars for the next `flush`, by their tags."""
        self.add_summary(step, Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()]))

    def add_summary(self, step: int, summary: Summary) -> None:
        """Keep a summary of any kind for the next `flush`."""
        self._waiting.append(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        """Append what waits to the file. Raises OSError where that fails."""
        if self._path is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path = _next_file(self._folder)
        with self._path.open("ab") as file:
            writer = RecordWriter(file)
            for event in self._waiting:
                writer.write(event.SerializeToString())
        self._waiting.clear()


def _next_file(folder: Path) -> Path:
    """A name after those of the files there, since TensorBoard reads them by name, whatever the clock says."""
    after_others = [int(path.name.split(".")[3]) + 1 for path in folder.glob("events.out.tfevents.*.minidl")]
    return folder / f"events.out.tfevents.{max([int(time.time()), *after_others])}.minidl"
