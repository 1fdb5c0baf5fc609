"""How far a training has come, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress
    from torch import Tensor

    from minidl_core.training.validation import Validation

    OnEpoch = Callable[[int, Tensor, Validation | None], None]

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_TEXTS = 0.1


@contextmanager
def progress(epochs: int) -> Iterator[OnEpoch]:
    """A bar where standard error is a terminal, else a line now and then in a training that takes long."""
    if not sys.stderr.isatty():
        yield _Lines(epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeRemainingColumn(),
        TextColumn("left,"),
        # What there is no room for is cut off here, and nowhere else.
        TextColumn("{task.fields[losses]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
        yield _Bar(bar, epochs)


class _Bar:
    """Moves a bar, and says what there is to say as often as it can be read."""

    def __init__(self, bar: Progress, epochs: int) -> None:
        self.bar, self.task = bar, bar.add_task("", total=epochs, losses="")
        self.epochs, self.last = epochs, 0.0

    def __call__(self, epoch: int, loss: Tensor, validation: Validation | None) -> None:
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_TEXTS or epoch == self.epochs:
            self.last = now
            self.bar.update(self.task, completed=epoch, losses=_described(loss, validation))
        else:
            self.bar.update(self.task, completed=epoch)


class _Lines:
    """Writes a line when some seconds have passed since the last."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.last = time.monotonic()
        self.first: tuple[int, float] | None = None
        """The first epoch, and when it ended: what went before it is no measure of the others."""

    def __call__(self, epoch: int, loss: Tensor, validation: Validation | None) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = epoch, now
        elif now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            begun, start = self.first
            left = (now - start) / (epoch - begun) * (self.epochs - epoch)
            print(f"epoch {epoch} of {self.epochs}, {_described(loss, validation)}, {left:.0f} s left", file=sys.stderr)


def _described(loss: Tensor, validation: Validation | None) -> str:
    """The losses of an epoch, `[*rounds]`: training and, where there is a part for it, validation, with its metric."""
    shown = f"loss {_figure(loss)}"
    if validation is not None:
        shown += f", validation loss {_figure(validation.loss)}, {validation.metric} {validation.figure()}"
    return shown


def _figure(losses: Tensor) -> str:
    """Mean and standard deviation over rounds."""
    deviation = f" ± {losses.std():.4f}" if losses.numel() > 1 else ""
    return f"{losses.mean():.4f}{deviation}"
