"""What the rounds learn from and are tested on where the table is larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minidl_core.data.examples import Examples
from minidl_core.data.mapped import MappedTable
from minidl_core.data.splits import split_rows
from minidl_core.data.table import Table
from minidl_core.errors import require
from minidl_core.seeding import generator

PIECE_BYTES = 2 * 2**20
"""Of the features of all rounds, in float64, that are taken from a block at a time, in training a batch at least."""


@dataclass(frozen=True)
class MappedExamples:
    """Rows of all rounds, which are read from their file whenever they are needed, and then prepared.

    A block is split in two by the seed of the round and the number of the block. The two parts of a block have the
    same numbers of rows in every round, so that all rounds go from block to block together.
    """

    table: MappedTable
    seeds: tuple[int, ...] | None = None
    """Of the rounds that each have their own rows; None where all have all rows."""
    test_fraction: float = 0.0
    is_test: bool = False
    """Whether these are the rows that are held out, or the others."""
    changes: tuple[Callable[[Examples], Examples], ...] = ()
    """What is done with rows that were read, one after the other."""

    @property
    def rows(self) -> int:
        """How many each round has."""
        held_out = self._held_out_before(self.table.blocks)
        return held_out if self.is_test else len(self.table) - held_out

    def pieces(self) -> Iterator[Examples]:
        """All rows, `[*rounds, n, F]` at a time."""
        for number in range(self.table.blocks):
            block = self.table.block(number)
            numbers = self._numbers(number, block)
            for part in torch.split(numbers, self._at_once(numbers.shape[:-1].numel()), -1):
                if part.numel():
                    yield self._taken(block, part)
            del block  # before the next one is read, so that one alone is in memory

    def each(self, change: Callable[[Examples], Examples]) -> MappedExamples:
        """The examples that `change` makes of these, whenever some are read."""
        return replace(self, changes=(*self.changes, change))

    def shuffled(self, epoch: int, seeds: Sequence[int], batch_size: int) -> Iterator[Examples]:
        """All rows in the order of an epoch, `[R, n, F]` at a time; n is a multiple of the batch size until the last.

        Blocks come in an order that depends on the epoch alone, so that all rounds read the same block; the rows of a
        block come in an order of the round's own, from a generator of the round's seed and the epoch. A table of one
        block has the order that it has in memory.
        """
        require("batch_size", batch_size, batch_size >= 1, "at least 1")
        generators = [generator(seed, "batches", epoch) for seed in seeds]
        at_once = max(1, self._at_once(len(seeds)) // batch_size) * batch_size
        rest: Examples | None = None
        for number in torch.randperm(self.table.blocks, generator=generator(0, "blocks", epoch)).tolist():
            block = self.table.block(number)
            numbers = self._numbers(number, block).expand(len(seeds), -1)
            rows = numbers.shape[-1]
            orders = [torch.randperm(rows, generator=one) for one in generators]
            order = torch.stack([own[mixed] for own, mixed in zip(numbers, orders, strict=True)])
            start = 0
            while start < rows:
                # What the block before left over begins the first piece of this one.
                stop = min(start + at_once - (rest.rows if rest else 0), rows)
                piece = self._taken(block, order[:, start:stop])
                piece = rest.followed_by(piece) if rest else piece
                whole = piece.rows // batch_size * batch_size
                if whole:
                    yield piece.part(0, whole)
                rest = piece.part(whole, piece.rows) if whole < piece.rows else None
                start = stop
            del block
        if rest is not None:
            yield rest

    def _numbers(self, number: int, block: Table) -> Tensor:
        """The numbers of a block's rows that each round has, `[*rounds, n]`."""
        if self.seeds is None:
            return torch.arange(len(block))
        held_out = self._held_out_before(number + 1) - self._held_out_before(number)
        numbers = [
            split_rows(block.target, block.classes is not None, held_out, seed, number)[self.is_test]
            for seed in self.seeds
        ]
        return numbers[0] if len(numbers) == 1 else torch.stack(numbers)

    def _held_out_before(self, number: int) -> int:
        """How many rows the blocks before this one hold out: so that all together they hold out the nearest number."""
        return round(self.test_fraction * self.table.rows_before[number])

    def _taken(self, block: Table, numbers: Tensor) -> Examples:
        # One selection of whole rows is several times faster than an index of two axes.
        rows = numbers.flatten()
        features, target = block.features.index_select(0, rows), block.target.index_select(0, rows)
        shape = numbers.shape
        examples = Examples(features.reshape(*shape, -1), target.reshape(*shape, *target.shape[1:]))
        for change in self.changes:
            examples = change(examples)
        return examples

    def _at_once(self, rounds: int) -> int:
        """How many rows of each round to take at a time."""
        return max(1, PIECE_BYTES // (8 * rounds * len(self.table.columns)))
