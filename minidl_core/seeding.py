"""One seed for each round, and from it a generator of its own for each purpose."""

from __future__ import annotations

import hashlib
import operator
from numbers import Integral

import torch

from minidl_core.errors import require

MAX_ROUNDS = 10_000


def round_seeds(seed: int, rounds: int) -> list[int]:
    """The seed of each round: round r is the run of its own with seed `seed + r`."""
    is_fit = isinstance(rounds, Integral) and 1 <= rounds <= MAX_ROUNDS
    require("rounds", rounds, is_fit, f"a whole number from 1 to {MAX_ROUNDS}")
    return [seed + r for r in range(rounds)]


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator of random numbers that depends on the seed and the purpose alone: `generator(0, "batches", epoch)`.

    Numbers are drawn on the CPU, so that they are the same wherever the model is trained.
    """
    digest = hashlib.blake2b(repr((operator.index(seed), *purpose)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little"))
