"""What is remembered in a training, in a form that a file can hold."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from minidl_core.errors import ModelFileError


class State(NamedTuple):
    """What someone remembers: tensors by name, and what JSON can say."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


def require_like(name: str, given: Tensor, expected: Tensor) -> Tensor:
    """A tensor of a checkpoint, where it could be this one at another moment. Raises ModelFileError where not."""
    if given.dtype != expected.dtype or given.shape != expected.shape:
        raise ModelFileError(
            f"the checkpoint's tensor '{name}' is {given.dtype} {list(given.shape)}, and in this training "
            f"{expected.dtype} {list(expected.shape)}"
        )
    return given


class Remembering(Protocol):
    """Whoever remembers something from step to step, or from epoch to epoch."""

    def state(self) -> State:
        """What is remembered now; the tensors may be those that are written into later."""

    def resume(self, state: State) -> None:
        """Remember what `state` gave. Raises ModelFileError for what cannot be that of this training."""


Checkpoint = dict[str, State]
"""The state of each part of a training, by the part's name."""


class Keeper(Protocol):
    """Whoever keeps checkpoints of a training."""

    start: Checkpoint | None
    """What to go on from; None begins the training."""

    def began(self) -> None:
        """Take note that the first step is next: the training is where `start` was."""

    def is_due(self, epoch: int) -> bool:
        """Whether to keep what there is after so many epochs."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep it."""

    def keep_model(self) -> None:
        """Keep the model, which is for now what it would be if the training ended here: with early stopping, that of
        each round's best epoch."""
