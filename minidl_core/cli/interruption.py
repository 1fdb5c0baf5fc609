"""What Ctrl-C and SIGTERM mean to a training."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from minidl_core.errors import StoppedAtOnce


class Interruption:
    """Before the first step, stop at once; after it, end the training and keep what there is.

    The second one stops at once, whatever is being done.
    """

    def __init__(self) -> None:
        self.training_began = False
        self.signal: int | None = None
        """The one that came; None for none."""
        self._is_postponed = False

    @property
    def exit_code(self) -> int:
        """That of the signal; 0 for none."""
        return 0 if self.signal is None else StoppedAtOnce(self.signal).exit_code

    def stop(self) -> bool:
        """Whether to end the training; asked after each of its steps."""
        self.training_began = True
        return self.signal is not None

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """While libraries are imported, which take an interruption for an error of their own, and go on."""
        self._is_postponed = True
        yield
        self._is_postponed = False
        if self.signal is not None:
            raise StoppedAtOnce(self.signal)

    @contextmanager
    def handled(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._wish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _wish(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None or not (self.training_began or self._is_postponed):
            raise StoppedAtOnce(number)
        self.signal = number
