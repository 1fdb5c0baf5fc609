"""How far a training has come, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.training.after_epoch import OnEpoch

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(epochs: int) -> Iterator[OnEpoch]:
    """A bar where standard error is a terminal, else a line now and then in a training that takes long."""
    if not sys.stderr.isatty():
        yield _Lines(epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=epochs, losses="")
        yield lambda epoch, *losses: bar.update(task, completed=epoch, losses=_described(*losses))


class _Lines:
    """Writes a line when some seconds have passed since the last."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.last = time.monotonic()
        self.first: tuple[int, float] | None = None
        """The first epoch, and when it ended: what went before it is no measure of the others."""

    def __call__(self, epoch: int, loss: Tensor, watched: Tensor) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = epoch, now
        elif now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            begun, start = self.first
            left = (now - start) / (epoch - begun) * (self.epochs - epoch)
            print(f"epoch {epoch} of {self.epochs}, {_described(loss, watched)}, {left:.0f} s left", file=sys.stderr)


def _described(loss: Tensor, watched: Tensor) -> str:
    """The losses of an epoch, `[*rounds]`: training and, where another is watched, validation."""
    return f"loss {_figure(loss)}" + ("" if watched is loss else f", validation loss {_figure(watched)}")


def _figure(losses: Tensor) -> str:
    """Mean and standard deviation over rounds."""
    deviation = f" ± {losses.std():.4f}" if losses.numel() > 1 else ""
    return f"{losses.mean():.4f}{deviation}"
