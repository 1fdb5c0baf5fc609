"""What can go wrong, in a few classes.

Errors are raised where the mistake is known. Only `minidl_core.cli` turns them into text and exit codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.spec.problems import Problem
    from minidl_core.training import Training


class MinidlError(Exception):
    """The work failed: bad data, a diverged training, a file that is no model."""

    exit_code = 1


class RequestError(MinidlError):
    """The request was wrong: a spec, an argument, an option."""

    exit_code = 2


class ArgumentError(RequestError, ValueError):
    """An argument of a component is missing, unknown or out of range."""

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument


class ShapeError(RequestError, ValueError):
    """Sizes that do not fit each other."""


class SpecError(RequestError, ValueError):
    """A spec that cannot be read or built; `problems` are all that were found, each with its place in the text."""

    def __init__(self, message: str, problems: list[Problem]) -> None:
        super().__init__(message)
        self.problems = problems


class UnknownNameError(RequestError, LookupError):
    """A name that nothing is registered under, or that several plugins claim."""


class CallOrderError(MinidlError, RuntimeError):
    """`backward` was called before `forward`."""


class PluginError(MinidlError):
    """A plugin that does not keep to its contract."""


class PluginWarning(UserWarning):
    """A plugin was left out; the message says which, why, and both ways out."""


class ModelFileWarning(UserWarning):
    """A component of a model file comes from another package, or another major version, than when it was written."""


class DataError(MinidlError):
    """A table that cannot be used as it is."""


class ModelFileError(MinidlError):
    """A file that is not a model that this installation can load."""


class StorageError(MinidlError):
    """A file that cannot be written, or a folder that another process writes."""

    training: Training | None = None
    """What there is all the same, where a training came to its end and could not be kept."""


class DivergedError(MinidlError):
    """The loss became NaN or infinite; the model holds the last good weights."""

    history: Tensor
    """The loss of each epoch before, `[epochs, *rounds]`."""
    training: Training | None = None
    """The training up to there, where `train` raises it."""

    def __init__(self, message: str, epoch: int, step: int, rounds: list[int]) -> None:
        super().__init__(message)
        self.epoch, self.step, self.rounds = epoch, step, rounds


class StoppedAtOnce(KeyboardInterrupt):
    """A signal that ends the process, whatever is being done: the second one, or one before there is anything to keep.

    Args:
        signal: its number.
    """

    def __init__(self, signal: int) -> None:
        self.exit_code = 128 + signal  # as shells have it


def require(argument: str, value: Any, holds: bool, expected: str) -> None:
    """Refuse an argument of a component: `require("lr", lr, lr > 0, "greater than 0")`."""
    if not holds:
        raise ArgumentError(f"{argument} must be {expected}, got {value!r}", argument)
