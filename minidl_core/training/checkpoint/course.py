"""How far a training has come."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.nn import FlatParameters
from minidl_core.training.checkpoint.state import State, require_like


class Course:
    """The epochs that are done, the steps of the present one, and the weights.

    Args:
        steps: of an epoch.
    """

    def __init__(self, parameters: FlatParameters, steps: int) -> None:
        self._parameters = parameters
        self._history: list[Tensor] = []
        self.done = 0
        """Steps of the present epoch."""
        self.losses = parameters.values.new_zeros(steps, *parameters.rounds)
        """Of these steps, `[steps, *rounds]`."""
        self._last_good = parameters.values.clone()

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self._history)

    @property
    def history(self) -> Tensor:
        """Their losses, `[epochs, *rounds]`."""
        like = self._parameters
        return torch.stack(self._history) if self._history else like.values.new_zeros(0, *like.rounds)

    def epoch_begins(self) -> None:
        """Take note of the weights; nothing where the epoch has begun already."""
        if not self.done:
            self._last_good.copy_(self._parameters.values)

    def epoch_ended(self, shares: Tensor) -> Tensor:
        """Take note of the epoch's loss, `[*rounds]`, its steps having these shares of its rows."""
        self._history.append(shares @ self.losses)
        self.done = 0
        return self._history[-1]

    def set_back(self) -> None:
        """Go back to the weights of the end of the last epoch."""
        self._parameters.values.copy_(self._last_good)

    def state(self) -> State:
        tensors = {"parameters": self._parameters.values, "history": self.history}
        if self.done:
            tensors |= {"losses": self.losses, "last_good": self._last_good}
        return State(tensors, {"done": self.done})

    def resume(self, state: State) -> None:
        tensors, done = state.tensors, state.numbers["done"]
        if type(done) is not int or not 0 <= done < len(self.losses):
            raise ModelFileError("the checkpoint is that of epochs with another number of steps")
        history, values = tensors["history"], self._parameters.values
        require_like("history", history[:0], self.losses[:0])
        self.done, self._history = done, list(history.to(self.losses.device))
        values.copy_(require_like("parameters", tensors["parameters"], values))
        if done:
            self.losses.copy_(require_like("losses", tensors["losses"], self.losses))
            self._last_good.copy_(require_like("last_good", tensors["last_good"], values))
