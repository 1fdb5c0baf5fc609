"""Which rows a round holds out for test."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError
from minidl_core.seeding import generator


def rows_held_out(rows: int, test_fraction: float) -> int:
    """How many of so many rows a fraction is, to the nearest. Raises where a part would be left without rows."""
    if not 0 <= test_fraction < 1:
        raise RequestError(f"the test fraction must be at least 0 and less than 1, got {test_fraction}")
    held_out = round(rows * test_fraction)
    if test_fraction > 0 and held_out in (0, rows):
        raise DataError(
            f"{rows} rows cannot be split with a test fraction of {test_fraction:g}; "
            "give more rows, another fraction, or a test file"
        )
    return held_out


def split_rows(table: Table, held_out: int, seed: int, block: int = 0) -> tuple[Tensor, Tensor]:
    """The numbers of the rows to train on and of the `held_out` rows to test on.

    Rows in random order, those of a class together, and every k-th is held out: so each class is in both parts in
    its proportion, to the nearest row (a class of one row is in one part). Of a table that is read in blocks each
    block is split by itself, in an order of its own.
    """
    # The first block is split as the table that it would be alone.
    order = torch.randperm(len(table), generator=generator(seed, "split", *([block] if block else [])))
    if table.classes is not None:
        order = order[table.target[order].argsort(stable=True)]
    is_held_out = torch.zeros(len(table), dtype=torch.bool)
    is_held_out[(2 * torch.arange(held_out) + 1) * len(table) // (2 * held_out)] = True
    return order[~is_held_out], order[is_held_out]
