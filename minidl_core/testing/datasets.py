"""What every dataset must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from minidl_core.data import Dataset, Table
from minidl_core.testing.differences import require_identical
from minidl_core.testing.result import fails_unless
from minidl_core.testing.subject import Subject


def drawn(subject: Subject[Dataset], seed: int) -> Table:
    return subject.build().sample(Generator().manual_seed(seed))


def behaviour(subject: Subject[Dataset]) -> list[torch.Tensor]:
    """All that can be seen of what it does."""
    table = drawn(subject, 1)
    return [table.features, table.target]


def a_sample_is_a_whole_table(subject: Subject[Dataset]) -> None:
    """Finite numbers in float64 under as many names; labels that have a class, or finite values."""
    table = drawn(subject, 0)
    rows = len(table)
    shape = (rows, len(table.columns))
    fails_unless(rows > 0, "a sample has no rows")
    fails_unless(table.features.shape == shape, f"its features are {list(table.features.shape)}, not {list(shape)}")
    fails_unless(table.features.dtype == torch.float64, f"its features are {table.features.dtype}")
    fails_unless(bool(table.features.isfinite().all()), "its features are not finite")
    if "n" in subject.build().arguments:
        fails_unless(rows == subject.build().arguments["n"], f"it has {rows} rows, and n is another number")
    wanted = "[N, 1] of float64" if table.classes is None else "[N] of int64"
    found = f"{list(table.target.shape)} of {table.target.dtype}".replace("torch.", "")
    fails_unless(found == wanted.replace("N", str(rows)), f"its target is {found}, and must be {wanted}")
    if table.classes is None:
        fails_unless(bool(table.target.isfinite().all()), "its target is not finite")
    else:
        low, high = int(table.target.min()), int(table.target.max())
        fails_unless(
            low >= 0 and high < len(table.classes),
            f"its labels go from {low} to {high} for {len(table.classes)} classes",
        )


def the_generator_alone_decides(subject: Subject[Dataset]) -> None:
    """The same generator gives the same table, another gives another; and torch's own is left alone."""
    before = torch.get_rng_state()
    first, other = drawn(subject, 1), drawn(subject, 2)
    require_identical("torch's own generator, after drawing", torch.get_rng_state(), before)
    again = drawn(subject, 1)
    require_identical("features of the same seed", again.features, first.features)
    require_identical("the target of the same seed", again.target, first.target)
    fails_unless(not torch.equal(other.features, first.features), "another seed gives the same features")


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (a_sample_is_a_whole_table, the_generator_alone_decides)
