"""What this plugin does in a training. TensorBoard is imported when a training that has a folder starts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from minidl_core import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.training import Run, Training
    from minidl_tensorboard.run_writer import RunWriter

# Weak, because no hook is called again for a run in which one has raised.
_writers: WeakKeyDictionary[Run, RunWriter] = WeakKeyDictionary()


@hookimpl
def minidl_run_start(run: Run) -> None:
    if run.out is not None:
        from minidl_tensorboard.run_writer import RunWriter

        _writers[run] = RunWriter(run, run.out)


@hookimpl
def minidl_epoch_end(run: Run, epoch: int, loss: Tensor, validation_loss: Tensor | None) -> None:
    if writer := _writers.get(run):
        writer.epoch_end(epoch, loss, validation_loss)


@hookimpl
def minidl_run_end(run: Run, training: Training | None) -> None:
    if writer := _writers.pop(run, None):
        writer.end(training)
