"""Rounds that stop when they get no better."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import FlatParameters


class EarlyStopping:
    """Stops each round when its loss has not become less for `patience` epochs; its best weights are kept.

    Source: Prechelt 1998, Early stopping - but when?, in Neural Networks: Tricks of the Trade.

    Args:
        parameters: of the model, all rounds.
        patience: epochs, at least 1.
    """

    def __init__(self, parameters: FlatParameters, patience: int) -> None:
        require("patience", patience, patience >= 1, "at least 1")
        self._parameters, self.patience = parameters, patience
        self.best = parameters.values.clone()
        """The weights of each round after its best epoch."""
        self.least = parameters.values.new_full(parameters.rounds, math.inf)
        """The least loss of each round, `[*rounds]`."""
        self.epochs = torch.zeros(parameters.rounds, dtype=torch.int64, device=parameters.values.device)
        """After how many epochs it was that, `[*rounds]`; 0 where no loss was a number."""
        self.has_ended = False
        """Whether all rounds have stopped."""

    def epoch_ended(self, epoch: int, losses: Tensor) -> Tensor:
        """Which rounds are to stop after an epoch, counted from 1, with these losses, `[*rounds]`."""
        is_better = losses < self.least
        self.least = torch.where(is_better, losses.to(self.least), self.least)
        self.epochs = torch.where(is_better, epoch, self.epochs)
        self.best[is_better] = self._parameters.values[is_better]
        stopped = epoch - self.epochs >= self.patience
        self.has_ended = bool(stopped.all())
        return stopped
