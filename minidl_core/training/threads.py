"""How many threads a training takes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController

from minidl_core.errors import require
from minidl_core.nn import FlatParameters

MAX_THREADS = 256
SMALL_STEP = 100_000_000
"""Multiplications and additions of one forward pass over a batch of all rounds, below which one thread is taken.

With two idle cores a second thread begins to pay at about a tenth of this, and is worth a factor of 1.3 to 1.8 at a
third of it and above (`benchmarks/threads.py`). The limit is higher because, where something else runs on one of the
cores, each step waits for it, and may take ten times as long.
"""


def threads_for(operations: int) -> int:
    """The threads for a step whose forward pass takes so many operations."""
    return 1 if operations < SMALL_STEP else torch.get_num_threads()


def threads_for_step(parameters: FlatParameters, rows: int) -> int:
    """The same for batches of so many rows: each weight is multiplied and added once for each of them."""
    return threads_for(2 * parameters.values.numel() * rows)


@functools.cache
def _products_of_numpy() -> ThreadpoolController:
    """The library that NumPy computes products with; to find it takes milliseconds."""
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Compute with so many threads, and afterwards with as many as before."""
    is_whole = isinstance(threads, int) and not isinstance(threads, bool)
    require("threads", threads, is_whole and 1 <= threads <= MAX_THREADS, f"a whole number from 1 to {MAX_THREADS}")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        # NumPy's products have a library and threads of their own, which would wait for torch's, and these for them.
        with _products_of_numpy().limit(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
