"""Mini-batches, shuffled anew in each epoch by each round's own seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import NamedTuple

import torch
from torch import Tensor

from minidl_core.data.examples import Examples
from minidl_core.data.mapped_examples import MappedExamples
from minidl_core.errors import RequestError, ShapeError, require
from minidl_core.seeding import generator


class Block(NamedTuple):
    """Rows that lie in memory together, and the batches that are taken from them."""

    features: Tensor
    """`[M, F]`, the rows of all rounds in one table."""
    target: Tensor
    """`[M, ...]`."""
    weight: Tensor | None
    """How much each row counts, `[M]`; None for all alike."""
    batches: Sequence[Tensor]
    """The rows' numbers of the batches of each size, `[batches, *rounds, size]`, int64, where the features are."""
    is_all: bool
    """Whether it has all rows, so that those of each epoch are taken from the same memory."""

    def after(self, done: int) -> Block:
        """The block without so many of its batches."""
        left = []
        for batches in self.batches:
            left.append(batches[done:])
            done = max(0, done - len(batches))
        return self._replace(batches=[batches for batches in left if len(batches)])


class Batches:
    """The batches of an epoch: `for input, target in batches.epoch(0)`.

    Args:
        examples: features `[*rounds, N, F]` and targets; without round axes all rounds take from the same rows.
        batch_size: rows of a batch; the last of an epoch has what is left.
        seeds: one a round. The order of an epoch depends on the round's seed and the epoch's number alone.
        rounds: the round axes of the batches, `()` or `(R,)`.
    """

    def __init__(
        self, examples: Examples | MappedExamples, batch_size: int, seeds: Sequence[int], rounds: tuple[int, ...]
    ) -> None:
        is_fit = isinstance(batch_size, Integral) and batch_size >= 1
        require("batch_size", batch_size, is_fit, "a whole number, at least 1")
        if len(seeds) != math.prod(rounds):
            raise RequestError(f"seeds must be one for each round, {math.prod(rounds)}, got {len(seeds)}")
        if isinstance(examples, Examples):
            _require_rows(examples)
        self.has_own_rows = not isinstance(examples, Examples) or examples.features.dim() > 2
        taken = examples.epoch_rows if isinstance(examples, Examples) else None
        self.rows = examples.rows if taken is None else taken
        self.examples, self.batch_size, self.seeds, self.rounds = examples, batch_size, seeds, rounds
        self._ahead: dict[int, Block] = {}
        """The block of the next epoch, where there was time to draw it."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.rows // self.batch_size)

    def shares(self) -> Tensor:
        """The part of an epoch's rows that each batch has, `[batches]`, float64."""
        sizes = torch.full((len(self),), self.batch_size, dtype=torch.float64)
        sizes[-1] = self.rows - (len(self) - 1) * self.batch_size
        return sizes / self.rows

    def order(self, epoch: int) -> Tensor:
        """The numbers of a block of all rows in the order of an epoch, `[*rounds, N]`.

        A round that has more rows than an epoch takes leaves some out, others each time; one that has fewer takes some
        again.
        """
        return self._numbered(
            torch.stack([self._order(number, epoch) for number in range(len(self.seeds))]), self.examples.rows
        )

    def _order(self, number: int, epoch: int) -> Tensor:
        """The rows of a round in the order of an epoch, `[N]`."""
        random = generator(self.seeds[number], "batches", epoch)
        counts = self.examples.counts if isinstance(self.examples, Examples) else None
        rows = self.examples.rows if counts is None else counts[number]
        order = torch.randperm(rows, generator=random)
        while len(order) < self.rows:
            order = torch.cat([order, torch.randperm(rows, generator=random)])
        return order[: self.rows]

    def blocks(self, epoch: int, done: int = 0) -> Iterator[Block]:
        """The batches of an epoch, with the rows that they are taken from: one block where all rows are in memory.

        Every block but the last has a multiple of `batch_size` rows a round, so only an epoch's last batch is smaller.

        Args:
            done: so many batches are left out.
        """
        for block in self._blocks(epoch):
            batches = sum(map(len, block.batches))
            if done < batches:
                yield block.after(done)
            done = max(0, done - batches)

    def _blocks(self, epoch: int) -> Iterator[Block]:
        if isinstance(self.examples, Examples):
            yield self._ahead.get(epoch) or self._block(self.examples, self.order(epoch))
            if self.examples.features.is_cuda:  # which is still at work
                self._ahead = {epoch + 1: self._block(self.examples, self.order(epoch + 1))}
            return
        for part in self.examples.shuffled(epoch, self.seeds, self.batch_size):
            orders = torch.arange(part.rows).expand(len(self.seeds), -1)
            yield self._block(part, self._numbered(orders, part.rows))

    def _numbered(self, orders: Tensor, rows: int) -> Tensor:
        """The orders of the rounds' rows, `[R, N]`, as the rows' numbers in a block with so many rows of each."""
        if self.has_own_rows:
            orders = orders + rows * torch.arange(len(self.seeds)).unsqueeze(-1)
        return orders.reshape(*self.rounds, orders.shape[-1])

    def _block(self, examples: Examples, order: Tensor) -> Block:
        features, target, weight = examples.features, examples.target, examples.weight
        if self.has_own_rows:
            # The rows of all rounds in one table, so that a batch is one selection from it.
            features, target = features.flatten(0, 1), target.flatten(0, 1)
            weight = None if weight is None else weight.flatten()
        # Drawn on the CPU, so that a seed means the same everywhere, and moved to where the rows are once.
        if features.is_cuda:  # from where it is moved without waiting for what is computed there
            order = order.pin_memory()
        batches = _cut(order.to(features.device, non_blocking=True), self.batch_size)
        return Block(features, target, weight, batches, isinstance(self.examples, Examples))

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch, `[*rounds, batch, F]` and their targets."""
        for block in self.blocks(epoch):
            for batches in block.batches:
                for rows in batches:
                    yield block.features[rows], block.target[rows]


def _require_rows(examples: Examples) -> None:
    features, target = examples.features, examples.target
    if target.shape[: features.dim() - 1] != features.shape[:-1]:
        raise ShapeError(
            f"features {list(features.shape)} and target {list(target.shape)} must have the same number of rows"
        )
    if examples.rows == 0:
        raise ShapeError(f"there are no rows to train on: features {list(features.shape)}")


def _cut(order: Tensor, batch_size: int) -> list[Tensor]:
    """An order `[*rounds, N]` -> its whole batches, `[batches, *rounds, batch_size]`, and one of the remaining rows."""
    batches = [order.unfold(-1, batch_size, batch_size).movedim(-2, 0)] if order.shape[-1] >= batch_size else []
    if rest := order.shape[-1] % batch_size:
        batches.append(order[..., -rest:].unsqueeze(0))
    return [part.contiguous() for part in batches]
