"""What a training learned from and was measured on, in one number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

from torch import Tensor

from minidl_core.data.rounds import Examples, MappedExamples, RoundData
from minidl_core.data.splits import PARTS


def data_hash(data: RoundData) -> str:
    """The SHA-256 of the rows of each part, in the order in which the rounds have them; of a `.npy` table, of its file.

    It is that of the numbers which a table is read as, whatever kind of file they were in.
    """
    digest = hashlib.sha256()
    of_file = cache(_of_file)  # the parts of a table may be in one
    for name in PARTS:
        part: Examples | MappedExamples | None = getattr(data, name)
        digest.update(name.encode())
        if isinstance(part, MappedExamples):
            digest.update(of_file(part.table.file.path))
        elif part is not None:
            for tensor in _tensors(part):
                digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
                digest.update(tensor.contiguous().view(-1).numpy().view("u1").data)
    return digest.hexdigest()


def _of_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _tensors(part: Examples) -> Iterator[Tensor]:
    yield part.features
    yield part.target
    if part.weight is not None:
        yield part.weight
