"""Writes a training for TensorBoard."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Its public name, hparams.api, cannot be imported without TensorFlow.
from tensorboard.plugins.hparams.summary_v2 import hparams_pb

from minidl_core.training import Statistics
from minidl_tensorboard.event_file import EventFile

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.training import Run, Training

FOLDER = "tensorboard"
"""Where it is written, within the folder of the run."""
MOST_ROUNDS = 100
"""More curves in a chart cannot be told apart, and from 500 runs on TensorBoard selects none by itself."""
SECONDS_BETWEEN_FLUSHES = 1.0
"""Opening each file takes as long as writing an epoch to it, and far longer on a network's file system."""


class RunWriter:
    """Writes each round as a run of TensorBoard's, and mean and standard deviation over all rounds as one more.

    Nothing is made before the first epoch has ended: a training that fails before that leaves no folder behind.
    """

    def __init__(self, run: Run, out: Path) -> None:
        # The run itself is not kept: the plugin forgets this writer when nobody else has the run.
        self.folder = out.absolute() / FOLDER
        before = run.epochs_before
        self.rounds = [EventFile(self.folder / f"seed-{seed}", before) for seed in run.seeds[:MOST_ROUNDS]]
        self.mean = EventFile(self.folder / "mean", before) if len(run.seeds) > 1 else None
        self._exists = False
        self._next_flush = 0.0
        # TensorBoard shows five until others are ticked: those that differ between trainings first, then by name.
        request: dict[str, str | int] = {
            "data": run.data,
            "loss": run.loss,
            "model": run.model,
            "optimizer": run.optimizer,
            "schedule": run.schedule,
            "training.batch_size": run.batch_size,
            "training.epochs": run.epochs,
            "training.rounds": len(run.seeds),
            "training.seed": run.seeds[0],
        }
        # One row a training in the table of hyperparameters: TensorBoard averages rows whose trial_id is the same.
        (self.mean or self.rounds[0]).add_summary(0, hparams_pb(request, trial_id=str(out)))
        if len(run.seeds) > MOST_ROUNDS:
            print(
                f"minidl-tensorboard: writes the first {MOST_ROUNDS} of {len(run.seeds)} rounds one by one, and mean "
                "and standard deviation over all",
                file=sys.stderr,
            )

    def epoch_end(self, epoch: int, loss: Tensor, validation_loss: Tensor | None) -> None:
        """Write an epoch's losses, `[*rounds]`, at once or a moment later with the epochs after it."""
        for tag, of_rounds in ("epoch/loss", loss), ("epoch/validation_loss", validation_loss):
            if of_rounds is None:
                continue
            losses = of_rounds.cpu().double().reshape(-1)
            for file, value in zip(self.rounds, losses[:MOST_ROUNDS].tolist(), strict=True):
                file.add(epoch, {tag: value})
            if self.mean:
                self.mean.add(epoch, {tag: losses.mean().item(), f"std/{tag}": losses.std().item()})
        if time.monotonic() >= self._next_flush:
            self._flush()

    def end(self, training: Training | None) -> None:
        """Write the final figures, and all that waits."""
        if training is not None:
            self._add_figures(training)
        if training is not None or self._exists:
            self._flush()

    def _add_figures(self, training: Training) -> None:
        parts = {"train": training.train, "validation": training.validation, "test": training.test}
        for part, figures in parts.items():
            for metric, figure in (figures or {}).items():
                if not isinstance(figure, Statistics):
                    continue  # a matrix is no curve
                tag = f"final/{metric}/{part}"
                for file, value in zip(self.rounds, figure.values, strict=False):
                    file.add(training.epochs, {tag: value})
                if self.mean and figure.std is not None:
                    self.mean.add(training.epochs, {tag: figure.mean, f"std/{tag}": figure.std})

    def _flush(self) -> None:
        files = [*self.rounds, self.mean] if self.mean else self.rounds
        if not self._exists:
            for file in files:
                file.path.parent.mkdir(parents=True, exist_ok=True)  # it is there where a run goes on
            self._exists = True
        for file in files:
            file.flush()
        self._next_flush = time.monotonic() + SECONDS_BETWEEN_FLUSHES
