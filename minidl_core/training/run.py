"""A training as plugins see it: what is trained, and the hooks that are called on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from minidl_core.errors import PluginError
from minidl_core.installed import ways_out
from minidl_core.plugins import complain, foreign_code, loaded_plugins

if TYPE_CHECKING:
    from minidl_core.training.experiment import Training

TRAINING_HOOKS = ("minidl_run_start", "minidl_epoch_end", "minidl_run_end")


@dataclass(frozen=True, eq=False)
class Run:
    """What is trained, on what, and how: what the training hooks are told."""

    model: str
    """The canonical spec."""
    data: str
    loss: str
    optimizer: str
    epochs: int
    """How many are wished for."""
    batch_size: int
    seeds: tuple[int, ...]
    """The seed of each round."""
    out: Path | None
    """The folder of the run, where what a plugin writes belongs; None where there is none."""


class RunHooks:
    """Calls the training hooks of the installed plugins. One that raises is left out of the rest of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.listening = [
            report
            for report in loaded_plugins().reports
            if report.manager and any(getattr(report.manager.hook, hook).get_hookimpls() for hook in TRAINING_HOOKS)
        ]

    def start(self) -> None:
        self._call("minidl_run_start")

    def epoch_end(self, epoch: int, loss: Tensor) -> None:
        self._call("minidl_epoch_end", epoch=epoch, loss=loss)

    def end(self, training: Training | None) -> None:
        self._call("minidl_run_end", training=training)

    def _call(self, hook: str, **arguments: Any) -> None:
        for report in list(self.listening):
            assert report.manager is not None
            try:
                with foreign_code():
                    getattr(report.manager.hook, hook)(run=self.run, **arguments)
            except PluginError as error:
                self.listening.remove(report)
                provider = report.provider
                out = ways_out(provider, [other.provider for other in loaded_plugins().reports])
                complain(
                    f"plugin '{provider.plugin}' ({provider.distribution} {provider.version}) is left out of the rest "
                    f"of this run: {hook}: {error}; {out}",
                    os.environ,
                )
