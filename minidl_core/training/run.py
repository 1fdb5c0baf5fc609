"""A training as plugins see it: what is trained, and the hooks that are called on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from minidl_core.errors import PluginError, StoppedAtOnce
from minidl_core.foreign import foreign_code
from minidl_core.plugins import PluginReport, complain, loaded_plugins

if TYPE_CHECKING:
    from minidl_core.training.experiment import Training


@dataclass(frozen=True, eq=False)
class Run:
    """What is trained, on what, and how: what the training hooks are told."""

    model: str
    """The canonical spec."""
    data: str
    loss: str
    optimizer: str
    schedule: str
    epochs: int
    """How many are wished for."""
    batch_size: int
    seeds: tuple[int, ...]
    """The seed of each round."""
    out: Path | None
    """The folder of the run, where what a plugin writes belongs; None where there is none."""
    epochs_before: int = 0
    """How many epochs were done already, where a run is resumed; the next one that ends is the one after."""


class RunHooks:
    """Calls the training hooks of the installed plugins. One that raises is left out of the rest of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.listening: list[PluginReport] = []
        """The plugins that have been told of the start."""

    def start(self) -> None:
        for report in loaded_plugins().reports:
            if {"minidl_run_start", "minidl_epoch_end", "minidl_run_end"} & set(report.hooks):
                self.listening.append(report)
                self._call(report, "minidl_run_start")

    def epoch_end(self, epoch: int, loss: Tensor, validation_loss: Tensor | None) -> None:
        for report in list(self.listening):
            losses = {"loss": loss.clone(), "validation_loss": None}  # theirs to change
            if validation_loss is not None:
                losses["validation_loss"] = validation_loss.clone()
            self._call(report, "minidl_epoch_end", epoch=epoch, **losses)

    def end(self, training: Training | None) -> None:
        """Tell the end. An interruption there costs what the plugin does, and not the training that is done; unless it
        is one that ends the process."""
        for report in list(self.listening):
            try:
                self._call(report, "minidl_run_end", training=training)
            except StoppedAtOnce:
                raise
            except KeyboardInterrupt:
                complain(f"{report} was interrupted: minidl_run_end", os.environ)

    def _call(self, report: PluginReport, hook: str, **arguments: Any) -> None:
        assert report.manager is not None
        try:
            with foreign_code():
                getattr(report.manager.hook, hook)(run=self.run, **arguments)
        except PluginError as error:
            self.listening.remove(report)
            line = f"{report} is left out of the rest of this run: {hook}: {error}; {report.way_out}"
            complain(line, os.environ, error)
