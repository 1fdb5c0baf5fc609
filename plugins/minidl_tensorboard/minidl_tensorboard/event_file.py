"""A file that TensorBoard reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class EventFile:
    """One of TensorBoard's runs: a folder with a file of events, open only while `flush` writes.

    TensorBoard's EventFileWriter, and so torch's SummaryWriter, holds a thread and an open file for each run, and
    raises what its thread failed at one event later, or at exit, or never. A training of many rounds is many runs,
    and its error belongs to the hook that wrote.

    Args:
        steps_before: those of a training that goes on; of what other files of the folder have, TensorBoard shows no
            later ones.
    """

    def __init__(self, folder: Path, steps_before: int) -> None:
        now = time.time()
        self.path = folder / f"events.out.tfevents.{int(now)}.minidl"
        start = SessionLog(status=SessionLog.START)
        self._waiting = [
            Event(wall_time=now, file_version="brain.Event:2"),
            Event(wall_time=now, step=steps_before + 1, session_log=start),
        ]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Keep scalars for the next `flush`, by their tags."""
        self.add_summary(step, Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()]))

    def add_summary(self, step: int, summary: Summary) -> None:
        """Keep a summary of any kind for the next `flush`."""
        self._waiting.append(Event(wall_time=time.time(), step=step, summary=summary))

    def flush(self) -> None:
        """Append what waits to the file. Raises OSError where that fails."""
        with self.path.open("ab") as file:
            writer = RecordWriter(file)
            for event in self._waiting:
                writer.write(event.SerializeToString())
        self._waiting.clear()
