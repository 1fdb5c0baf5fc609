"""A training that keeps what it comes to in the folder of its run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from torch import Tensor

from minidl_core.data.in_words import rows_of_each
from minidl_core.data.splits import PARTS
from minidl_core.data.toy import Dataset
from minidl_core.errors import DivergedError, ModelFileError, RequestError, StorageError
from minidl_core.persistence.whole_file import write_whole
from minidl_core.runs.checkpoint_file import write_checkpoint
from minidl_core.runs.data_hash import data_hash
from minidl_core.runs.folder import RunFolder
from minidl_core.runs.history import write_history
from minidl_core.runs.record import Record
from minidl_core.runs.report import report_of
from minidl_core.runs.request_json import as_json, asked, is_dataset
from minidl_core.runs.versions import versions
from minidl_core.spec.component import Component
from minidl_core.training import Experiment, Training, Validation
from minidl_core.training.checkpoint import Checkpoint
from minidl_core.training.model_file import require_savable, save_model
from minidl_core.training.providers import providers_of

SECONDS_BETWEEN_CHECKPOINTS = 10.0

log = logging.getLogger("minidl")


class Recorded:
    """An experiment, its folder, which is held for it, and what is written of it there.

    Args:
        start: the checkpoint to go on from; None begins.
        seconds: that the training took before.
    """

    def __init__(
        self, folder: RunFolder, experiment: Experiment, record: Record, start: Checkpoint | None, seconds: float
    ) -> None:
        self._folder, self._experiment, self._record = folder, experiment, record
        self.start, self._seconds_before = start, seconds
        self._problem: StorageError | None = None
        """Why the last checkpoint could not be kept."""
        self._is_told = False

    @classmethod
    def begun(cls, folder: RunFolder, experiment: Experiment) -> Recorded:
        """One that has not begun yet. Raises ModelFileError for a model that could never be saved."""
        trained, data = experiment.trained, experiment.data
        require_savable(trained)
        others: list[Component] = [trained.loss, experiment.optimizer, experiment.schedule, *experiment.metrics]
        if is_dataset(experiment.request.data):
            others.append(Dataset.of(experiment.request.data))
        record = Record(
            started=datetime.now().astimezone().isoformat(timespec="seconds"),
            working_directory=str(Path.cwd()),
            request=as_json(experiment),
            asked=asked(experiment.request),
            seeds=list(experiment.seeds),
            versions=versions(),
            providers=providers_of(trained.model, *others),
            data={
                "sha256": data_hash(data),
                "rows": {name: rows_of_each(getattr(data, name)) for name in PARTS},
            },
        )
        return cls(folder, experiment, record, None, 0.0)

    def run(
        self,
        save_every: int | None,
        on_epoch: Callable[[int, Tensor, Validation | None], Any] | None,
        stop: Callable[[], bool],
    ) -> Training:
        """Train, and keep what comes of it. Raises what `Experiment.run` does; StorageError where a file cannot be
        written: its `training` is what there is then, where the training came to an end all the same."""
        if save_every is not None and (type(save_every) is not int or save_every < 1):
            raise RequestError(f"save_every must be a whole number, at least 1, or None; got {save_every!r}")
        self._save_every, self._began, self._last_kept = save_every, perf_counter(), monotonic()
        with _told(self._record.warnings):
            try:
                training = self._experiment.run(self._folder.path, self, on_epoch, stop)
            except DivergedError as error:
                if error.training is not None:
                    error.training = self._ended(error.training, error)
                raise
            return self._ended(training, None)

    def began(self) -> None:
        self._record.state, self._record.problem = "running", ""
        self._record.figures, self._record.best_epochs = {}, None
        self._record.write(self._folder.path)

    def is_due(self, epoch: int) -> bool:
        if self._problem is not None and not self._is_told:
            log.warning("%s; the training goes on", self._problem)
            self._is_told = True
        if self._save_every is not None:
            return epoch % self._save_every == 0
        return monotonic() - self._last_kept >= SECONDS_BETWEEN_CHECKPOINTS

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep it, or, where it cannot be, go on: there may be room for the next one."""
        self._problem = None
        seconds = self._seconds_before + perf_counter() - self._began
        history = checkpoint["course"].tensors["history"]
        with self._noting_problems():
            write_checkpoint(self._folder.checkpoint, checkpoint, self._record.request, seconds)
            write_history(self._folder.history, self._record.seeds, history, self._experiment.validation_history)
            self._record.epochs = len(history)
            self._record.write(self._folder.path)  # with what was told by now, which is not told again

    def keep_model(self) -> None:
        with self._noting_problems():
            save_model(self._experiment.trained, self._folder.model)
        self._is_told = self._is_told and self._problem is not None
        self._last_kept = monotonic()  # not before it is: a large model takes its time

    @contextmanager
    def _noting_problems(self) -> Iterator[None]:
        try:
            yield
        except ModelFileError as error:  # a component remembers what no file can hold
            self._problem = self._problem or StorageError(f"nothing can be kept: {error}")
        except StorageError as error:
            self._problem = self._problem or error

    def _ended(self, training: Training, diverged: DivergedError | None) -> Training:
        """Take note of what was given."""
        training = replace(training, seconds=self._seconds_before + training.seconds)
        record, folder = self._record, self._folder
        record.epochs, record.seconds = training.epochs, training.seconds
        record.best_epochs = None if training.best_epochs is None else list(training.best_epochs)
        record.state = "diverged" if diverged else "interrupted" if training.interrupted else "done"
        record.problem = str(diverged) if diverged else ""
        record.figures = training.figures_to_json()
        with self._noting_problems():
            if diverged:  # the last checkpoint is of a moment before
                save_model(training.trained, folder.model)
                write_history(folder.history, record.seeds, training.history, training.validation_history)
        with self._noting_problems():
            self._write_report(training)
        if self._problem is not None and record.state == "done":
            record.state = "interrupted"  # so that it can be resumed, once there is room
        with self._noting_problems():
            record.write(folder.path)  # last, since a run that says that it is done is not resumed
        if self._problem is not None:
            self._problem.training = training
            raise self._problem
        return training

    def _write_report(self, training: Training) -> None:
        try:
            page = report_of(training, self._record)
        except RequestError as error:  # what draws it is not installed
            log.info("no report.html: %s", error)
        except Exception as error:  # the pictures are not worth the run
            log.warning("no report.html, for it could not be drawn: %s: %s", type(error).__name__, error)
        else:
            write_whole(self._folder.report, page.encode())


@contextmanager
def _told(messages: list[str]) -> Iterator[None]:
    """Add what is told of the training to the messages."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                message = record.getMessage()
                if message not in messages:  # a run that goes on may say it again
                    messages.append(message)

    listener = Listener()
    log.addHandler(listener)
    try:
        yield
    finally:
        log.removeHandler(listener)
