"""Tensors and a JSON object in one file of the format safetensors, with a checksum; nothing in it is ever run.

A file begins with the length of its header (8 bytes, the lowest first) and the header, see `tensor_header`. Then come
the tensors, one directly after the other. The same contents give the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.persistence.foreign_formats import HEAD, format_of, is_safetensors
from minidl_core.persistence.tensor_header import (
    BEGINNING,
    DIGITS,
    MAX_HEADER,
    ZEROS,
    Declared,
    contents_of,
    head_of,
    in_order,
)
from minidl_core.persistence.whole_file import write_whole

PIECE = 2**20
"""Bytes that are read, written or brought from a GPU at once."""


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write a file of tensors, which may be views or on a GPU, and of a JSON object; whole or not at all.

    Raises StorageError where it cannot be written, and ModelFileError where it could not be read.
    """
    head = bytearray(head_of(tensors, header))
    checksum = hashlib.sha256(head)
    for piece in _data(tensors):
        checksum.update(piece)
    head[DIGITS] = checksum.hexdigest().encode()

    def parts() -> Iterator[bytes | memoryview]:
        yield bytes(head)
        yield from _data(tensors)

    write_whole(path, parts())


def require_writable(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Raise ModelFileError where a file of these could not be read; looks at no number of a tensor."""
    head_of(tensors, header)


class TensorFile:
    """An opened file, of which all but the numbers of its tensors has been checked; and these are what was written."""

    def __init__(
        self, file: BinaryIO, name: str, header: dict[str, Any], declared: dict[str, Declared], starts: dict[str, int]
    ) -> None:
        self.header, self.declared = header, declared
        self._file, self._name, self._starts = file, name, starts

    def tensor(self, name: str) -> Tensor:
        """A tensor, on the CPU."""
        dtype, shape = self.declared[name]
        tensor = torch.empty(shape, dtype=dtype)
        self.read_into(name, tensor)
        return tensor

    def read_into(self, name: str, target: Tensor) -> None:
        """Read a tensor into one of the same dtype and shape, which may be a view or on a GPU, bit by bit."""
        assert (target.dtype, tuple(target.shape)) == self.declared[name], name
        try:
            self._file.seek(self._starts[name])
            for piece in _pieces(target):
                is_direct = piece.is_contiguous() and piece.device.type == "cpu"
                memory = piece if is_direct else torch.empty(piece.shape, dtype=piece.dtype)
                if self._file.readinto(_bytes_of(memory)) != memory.nbytes:  # type: ignore[attr-defined]
                    raise ModelFileError(f"'{self._name}' has become shorter while it was read; read it again")
                if not is_direct:
                    piece.copy_(memory)
        except OSError as error:
            raise _unreadable(self._name, error) from None


@contextmanager
def open_tensors(path: str | Path, what: str = "model file") -> Iterator[TensorFile]:
    """Open a file that `write_tensors` wrote, and check it. `what` it is to be is told where it is something else.

    Raises ModelFileError for anything else, before memory is allocated for more than its header.
    """
    name = str(path)
    with _opened(name, what) as file:
        try:
            length, size = _require_whole(file, name, what)
            file.seek(8)
            text = file.read(length)
        except OSError as error:
            raise _unreadable(name, error) from None
        try:
            header, declared, starts = contents_of(text, size - 8 - length)
        except ModelFileError as error:
            raise ModelFileError(f"'{name}' is not a minidl {what}: {error}") from None
        del text
        yield TensorFile(file, name, header, declared, {name: 8 + length + start for name, start in starts.items()})


@contextmanager
def _opened(name: str, what: str) -> Iterator[BinaryIO]:
    def at_once(path: str, flags: int) -> int:  # without waiting for whoever would write into a pipe
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))

    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            kind = "a folder" if os.path.isdir(name) else "no regular file"
            raise ModelFileError(f"'{name}' is not a minidl {what}: it is {kind}")
        file = open(name, "rb", opener=at_once)  # noqa: SIM115, it is closed below
    except FileNotFoundError:
        raise ModelFileError(f"there is no {what} '{name}'") from None
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None
    with file:
        yield file


def _unreadable(name: str, error: Exception) -> ModelFileError:
    return ModelFileError(f"cannot read '{name}': {getattr(error, 'strerror', None) or error}")


def _require_whole(file: BinaryIO, name: str, what: str) -> tuple[int, int]:
    """The length of the header, and of the file. Raises ModelFileError where it is not all that was written."""
    opened = os.fstat(file.fileno())
    if not stat.S_ISREG(opened.st_mode):
        raise ModelFileError(f"'{name}' is not a minidl {what}: it is no regular file")
    size = opened.st_size
    head = file.read(HEAD)
    if not head[8:].startswith(BEGINNING):
        if is_safetensors(head) and BEGINNING.startswith(head[8:]):
            raise _damaged(name, f"it ends after {size} bytes")
        raise ModelFileError(
            f"'{name}' is not a minidl {what}: it is {format_of(head)}; minidl reads only what it wrote itself, and "
            "never a pickle"
        )
    length = int.from_bytes(head[:8], "little")
    if length > size - 8:
        raise _damaged(name, f"its header is to have {length:,} bytes, and the whole file has {size:,}")
    if not DIGITS.stop - 8 < length <= MAX_HEADER:
        raise _damaged(name, f"its header is to have {length:,} bytes, and may have {MAX_HEADER:,}")
    if not re.fullmatch(rb"[0-9a-f]{64}", head[DIGITS]):
        raise _damaged(name, "its checksum is none")
    checksum = hashlib.sha256(head[: DIGITS.start] + ZEROS)
    file.seek(DIGITS.stop)
    while piece := file.read(PIECE):
        checksum.update(piece)
    if checksum.hexdigest().encode() != head[DIGITS]:
        raise _damaged(name, "its checksum is not that of its contents")
    return length, size


def _damaged(name: str, reason: str) -> ModelFileError:
    return ModelFileError(f"'{name}' is damaged, cut off or changed: {reason}; take another copy, or write it again")


def _data(tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    for name in in_order(tensors):
        for piece in _pieces(tensors[name].detach()):
            yield _bytes_of(piece.cpu().contiguous())


def _pieces(tensor: Tensor) -> Iterable[Tensor]:
    """Views of all of a tensor in the order of its numbers, each of few bytes."""
    if tensor.nbytes <= PIECE or not tensor.dim():
        yield tensor
    elif (rows := PIECE * len(tensor) // tensor.nbytes) > 1:
        yield from torch.split(tensor, rows)
    else:
        for row in tensor:
            yield from _pieces(row)


def _bytes_of(tensor: Tensor) -> memoryview:
    """The memory of a tensor that is in one piece, on the CPU."""
    return tensor.reshape(-1).view(torch.uint8).numpy().data
