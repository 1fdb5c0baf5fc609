"""Which rows a round holds out, for test and for validation."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError
from minidl_core.seeding import generator


def rows_held_out(rows: int, fraction: float, purpose: str = "test") -> int:
    """How many of so many rows a fraction is, to the nearest. Raises where a part would be left without rows."""
    if not 0 <= fraction < 1:
        raise RequestError(f"the {purpose} fraction must be at least 0 and less than 1, got {fraction}")
    held_out = round(rows * fraction)
    if fraction > 0 and held_out in (0, rows):
        raise DataError(
            f"{rows} rows cannot be split with a {purpose} fraction of {fraction:g}; give more rows or another fraction"
            + (", or a test file" if purpose == "test" else "")
        )
    return held_out


def split_rows(table: Table, held_out: int, seed: int, block: int = 0, purpose: str = "test") -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on and of the `held_out` rows, for test or for validation.

    Rows in random order, those of a class together, and every k-th is held out: so each class is in both parts in
    its proportion, to the nearest row (a class of one row is in one part). Of a table that is read in blocks each
    block is split by itself, in an order of its own.
    """
    # The first block is split as the table that it would be alone.
    stream = "split" if purpose == "test" else purpose
    order = torch.randperm(len(table), generator=generator(seed, stream, *([block] if block else [])))
    if table.classes is not None:
        order = order[table.target[order].argsort(stable=True)]
    is_held_out = torch.zeros(len(table), dtype=torch.bool)
    is_held_out[(2 * torch.arange(held_out) + 1) * len(table) // (2 * held_out)] = True
    return order[~is_held_out], order[is_held_out]
