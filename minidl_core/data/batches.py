"""Mini-batches, shuffled anew in each epoch by each round's own seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import ShapeError, require
from minidl_core.seeding import generator


class Batches:
    """The batches of an epoch: `for input, target in batches.epoch(0)`.

    Args:
        examples: features `[*rounds, N, F]` and targets; without round axes all rounds take from the same rows.
        batch_size: rows of a batch; the last of an epoch has what is left.
        seeds: one a round. The order of an epoch depends on the round's seed and the epoch's number alone.
        rounds: the round axes of the batches, `()` or `(R,)`.
    """

    def __init__(self, examples: Examples, batch_size: int, seeds: Sequence[int], rounds: tuple[int, ...]) -> None:
        features, target = examples.features, examples.target
        require("batch_size", batch_size, batch_size >= 1, "at least 1")
        if target.shape[: features.dim() - 1] != features.shape[:-1]:
            raise ShapeError(
                f"features {list(features.shape)} and target {list(target.shape)} must have the same number of rows"
            )
        self.rows = features.shape[-2]
        if self.rows == 0:
            raise ShapeError(f"there are no rows to train on: features {list(features.shape)}")
        self.batch_size, self.seeds, self.rounds = batch_size, seeds, rounds
        has_own_rows = features.dim() > 2
        # The rows of all rounds in one table, so that a batch is one selection from it.
        self.features = features.flatten(0, 1) if has_own_rows else features
        self.target = target.flatten(0, 1) if has_own_rows else target
        self.first_row = self.rows * torch.arange(len(seeds)).unsqueeze(-1) if has_own_rows else 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def order(self, epoch: int) -> Tensor:
        """The rows in the order of an epoch, `[*rounds, N]`."""
        orders = [torch.randperm(self.rows, generator=generator(seed, "batches", epoch)) for seed in self.seeds]
        return (torch.stack(orders) + self.first_row).reshape(*self.rounds, self.rows)

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch, `[*rounds, batch, F]` and their targets."""
        order = self.order(epoch)
        for start in range(0, self.rows, self.batch_size):
            rows = order[..., start : start + self.batch_size]
            yield self.features[rows], self.target[rows]
