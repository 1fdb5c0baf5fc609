"""What a training learned from and was measured on, in one number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from torch import Tensor

from minidl_core.data.rounds import Examples, MappedExamples, RoundData


def data_hash(data: RoundData) -> str:
    """The SHA-256 of the rows of each part, in the order in which the rounds have them; of a `.npy` table, of its file.

    It is that of the numbers which a table is read as, whatever kind of file they were in.
    """
    digest = hashlib.sha256()
    for name in "train", "validation", "test":
        part: Examples | MappedExamples | None = getattr(data, name)
        digest.update(name.encode())
        if isinstance(part, MappedExamples):
            with open(part.table.file.path, "rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        elif part is not None:
            for tensor in _tensors(part):
                digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
                digest.update(tensor.contiguous().view(-1).numpy().view("u1").data)
    return digest.hexdigest()


def _tensors(part: Examples) -> Iterator[Tensor]:
    yield part.features
    yield part.target
    if part.weight is not None:
        yield part.weight
