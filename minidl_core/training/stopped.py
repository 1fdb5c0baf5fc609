"""Rounds that have stopped while others go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from minidl_core.nn import Module
from minidl_core.nn.saved import saved_names
from minidl_core.optim import Optimizer


class StoppedRounds:
    """Keeps all that was learned in stopped rounds as it was then. They are computed with the others, and set back."""

    def __init__(self, model: Module, optimizer: Optimizer) -> None:
        self._model, self._optimizer = model, optimizer
        self.rounds = torch.zeros(model.parameters.rounds, dtype=torch.bool)
        """Which have stopped, `[*rounds]`."""
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._losses = model.parameters.values.new_zeros(model.parameters.rounds)

    @property
    def are_all(self) -> bool:
        """Whether no round goes on."""
        return bool(self._kept) and bool(self.rounds.all())

    def stop(self, rounds: Tensor, losses: Tensor) -> None:
        """Stop some rounds, after an epoch with these losses, `[*rounds]`; those that have stopped stay so."""
        new = rounds.cpu() & ~self.rounds
        if new.any():
            self._losses = torch.where(new.to(losses.device), losses, self._losses)
            self.rounds = self.rounds | new
            self._kept = [(tensor, tensor.clone()) for tensor in self._learned()]

    def set_back(self, losses: Tensor) -> None:
        """Undo what an epoch did to stopped rounds; its losses, `[steps, *rounds]`, become that of their last one."""
        if self._kept:
            where = self.rounds.to(losses.device)
            for tensor, kept in self._kept:
                tensor[where] = kept[where]
            losses[..., where] = self._losses[where]

    def _learned(self) -> Iterator[Tensor]:
        """All tensors with round axes that belong to the model or the optimizer: each round is one row."""
        yield self._model.parameters.values
        axes = self.rounds.shape
        places: list[Mapping[str, object]] = [
            self._optimizer.state,
            *map(_own, self._model.layers_within().values()),
        ]
        for place in places:
            for value in place.values():
                if isinstance(value, Tensor) and value.shape[: len(axes)] == axes:
                    yield value


def _own(layer: Module) -> Mapping[str, object]:
    """What a layer remembers beside its parameters."""
    return {name: value for name, value in vars(layer).items() if name not in saved_names(type(layer))}
