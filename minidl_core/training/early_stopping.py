"""Rounds that stop when they get no better."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import Module
from minidl_core.training.checkpoint.state import State, require_like
from minidl_core.training.stopped import learned_by_layers


class EarlyStopping:
    """Stops each round when its loss has not become less for `patience` epochs; what it had learned by then is kept.

    Source: Prechelt 1998, Early stopping - but when?, in Neural Networks: Tricks of the Trade.

    Args:
        patience: epochs, at least 1.
    """

    def __init__(self, patience: int) -> None:
        is_whole = isinstance(patience, int) and not isinstance(patience, bool)
        require("patience", patience, is_whole and patience >= 1, "a whole number, at least 1")
        self.patience = min(patience, 2**62)  # of which a tensor of integers can tell

    def begin(self, model: Module) -> None:
        """Forget an earlier training; this is what learns in the one that begins."""
        values = model.parameters.values
        self._model, self._values = model, values
        self._best = values.clone()
        self._layers: dict[tuple[int, str], Tensor] = {}
        """What layers remember beside their parameters, by place and name."""
        self.least = values.new_full(values.shape[:-1], math.inf)
        """The least loss of each round, `[*rounds]`."""
        self.epochs = torch.zeros(values.shape[:-1], dtype=torch.int64, device=values.device)
        """After how many epochs it was that, `[*rounds]`; 0 where none has ended."""
        self.stopped = torch.zeros_like(self.epochs, dtype=torch.bool)
        """Which rounds have stopped, `[*rounds]`."""

    @property
    def has_ended(self) -> bool:
        """Whether all rounds have stopped."""
        return bool(self.stopped.all())

    def epoch_ended(self, epoch: int, losses: Tensor) -> Tensor:
        """Which rounds are to stop after an epoch, counted from 1, with these losses, `[*rounds]`."""
        is_better = (losses < self.least) & ~self.stopped
        if is_better.any():
            self.least = torch.where(is_better, losses.to(self.least), self.least)
            self.epochs = torch.where(is_better, epoch, self.epochs)
            self._best[is_better] = self._values[is_better]
            for place, name, rows in learned_by_layers(self._model, is_better):
                self._kept(place, name)[rows] = place[name][rows]
        self.stopped = self.stopped | (epoch - self.epochs >= self.patience)
        return self.stopped

    def restore(self) -> None:
        """Give each round back what it had learned after its best epoch; one of which none has ended stays as it is."""
        had_one = self.epochs > 0
        self._values[had_one] = self._best[had_one]
        for place, name, rows in learned_by_layers(self._model, had_one):
            place[name][rows] = self._kept(place, name)[rows]

    @contextmanager
    def best(self) -> Iterator[None]:
        """Let each round have what it had learned after its best epoch for a while."""
        everything = torch.ones_like(self.stopped)
        learned = [(place, name, place[name].clone()) for place, name, _ in learned_by_layers(self._model, everything)]
        values = self._values.clone()
        self.restore()
        try:
            yield
        finally:
            self._values.copy_(values)
            for place, name, tensor in learned:
                place[name].copy_(tensor)

    def state(self) -> State:
        paths = {id(vars(layer)): path for path, layer in self._model.layers_within().items()}
        layers = {f"layers.{paths[place]}.{name}": tensor for (place, name), tensor in self._layers.items()}
        own = {"best": self._best, "least": self.least, "epochs": self.epochs, "stopped": self.stopped}
        return State({**own, **layers}, {})

    def resume(self, state: State) -> None:
        tensors = dict(state.tensors)
        self._best.copy_(require_like("best", tensors.pop("best"), self._best))
        self.least, self.epochs, self.stopped = (
            require_like(name, tensors.pop(name), like).to(self._values.device)
            for name, like in (("least", self.least), ("epochs", self.epochs), ("stopped", self.stopped))
        )
        places = {path: vars(layer) for path, layer in self._model.layers_within().items()}
        for full_name, tensor in tensors.items():
            path, _, name = full_name.removeprefix("layers.").rpartition(".")
            kept = self._kept(places[path], name)
            kept.copy_(require_like(full_name, tensor, kept))

    def _kept(self, place: dict[str, Any], name: str) -> Tensor:
        return self._layers.setdefault((id(place), name), place[name].clone())
