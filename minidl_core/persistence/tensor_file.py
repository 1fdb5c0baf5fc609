"""Tensors and a JSON object in one file of the format safetensors, with a checksum; nothing in it is ever run.

A file begins with the length of its header (8 bytes, the lowest first) and the header, a JSON object in ASCII:
`{"__metadata__":{"minidl":TEXT},NAME:{"dtype":...,"shape":[...],"data_offsets":[...]},...}`. TEXT is a JSON object
whose first key, `sha256`, is the checksum of the whole file with these 64 digits as zeros. Then come the tensors, one
directly after the other. The same contents give the same bytes.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.persistence.foreign_formats import HEAD, format_of, is_safetensors
from minidl_core.persistence.strict_json import dumped, parsed, shown
from minidl_core.persistence.whole_file import write_whole

MAX_HEADER = 16 * 2**20
"""Bytes."""
MAX_NAME, MAX_AXES = 1000, 32
PIECE = 2**20
"""Bytes that are read, written or brought from a GPU at once."""

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_KEYS = {"dtype", "shape", "data_offsets"}
_METADATA = "__metadata__"

_BEGINNING = b'{"__metadata__":{"minidl":"{\\"sha256\\":\\"'
_ZEROS = b"0" * 64
_DIGITS = slice(8 + len(_BEGINNING), 8 + len(_BEGINNING) + len(_ZEROS))
"""Where the checksum stands in every file."""


class Declared(NamedTuple):
    """What a file says of one of its tensors."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write a file of tensors, which may be views or on a GPU, and of a JSON object; whole or not at all.

    Raises StorageError where it cannot be written, and ModelFileError where it could not be read.
    """
    head = bytearray(_head(tensors, header))
    checksum = hashlib.sha256(head)
    for piece in _data(tensors):
        checksum.update(piece)
    head[_DIGITS] = checksum.hexdigest().encode()

    def parts() -> Iterator[bytes | memoryview]:
        yield bytes(head)
        yield from _data(tensors)

    write_whole(path, parts())


def require_writable(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Raise ModelFileError where a file of these could not be read; looks at no number of a tensor."""
    _head(tensors, header)


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
            header, declared, starts = _contents(text, size - 8 - length)
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
    if not head[8:].startswith(_BEGINNING):
        if is_safetensors(head) and _BEGINNING.startswith(head[8:]):
            raise _damaged(name, f"it ends after {size} bytes")
        raise ModelFileError(
            f"'{name}' is not a minidl {what}: it is {format_of(head)}; minidl reads only what it wrote itself, and "
            "never a pickle"
        )
    length = int.from_bytes(head[:8], "little")
    if length > size - 8:
        raise _damaged(name, f"its header is to have {length:,} bytes, and the whole file has {size:,}")
    if not _DIGITS.stop - 8 < length <= MAX_HEADER:
        raise _damaged(name, f"its header is to have {length:,} bytes, and may have {MAX_HEADER:,}")
    if not re.fullmatch(rb"[0-9a-f]{64}", head[_DIGITS]):
        raise _damaged(name, "its checksum is none")
    checksum = hashlib.sha256(head[: _DIGITS.start] + _ZEROS)
    file.seek(_DIGITS.stop)
    while piece := file.read(PIECE):
        checksum.update(piece)
    if checksum.hexdigest().encode() != head[_DIGITS]:
        raise _damaged(name, "its checksum is not that of its contents")
    return length, size


def _damaged(name: str, reason: str) -> ModelFileError:
    return ModelFileError(f"'{name}' is damaged, cut off or changed: {reason}; take another copy, or write it again")


def _contents(text: bytes, size: int) -> tuple[dict[str, Any], dict[str, Declared], dict[str, int]]:
    """Of a header, and `size` bytes of data: the JSON object, and each tensor with where it starts in the data.

    Raises ModelFileError, about 'its header', where it is not as `_head` writes it.
    """
    if not text.isascii():
        raise ModelFileError("its header is not ASCII")
    whole = parsed(text.decode("ascii"))
    if not isinstance(whole, dict):
        raise ModelFileError(f"its header is no object, but {shown(whole)}")
    metadata = whole.pop(_METADATA, None)
    if not isinstance(metadata, dict) or metadata.keys() != {"minidl"} or not isinstance(metadata["minidl"], str):
        raise ModelFileError("its header has other metadata than that of minidl")
    if not text.startswith(dumped({_METADATA: metadata})[:-1].encode()):  # so that its values have been counted
        raise ModelFileError("its header is written in another way than minidl writes it")
    declared, starts = _declared(whole, size)
    del whole
    header = parsed(metadata["minidl"])
    if not isinstance(header, dict):
        raise ModelFileError(f"its header must be an object, got {shown(header)}")
    del header["sha256"]
    return header, declared, starts


def _declared(table: dict[str, Any], size: int) -> tuple[dict[str, Declared], dict[str, int]]:
    """Each tensor and where it starts, all in a row in `size` bytes. Raises ModelFileError where they are not."""
    declared: dict[str, Declared] = {}
    places: list[tuple[int, int, str]] = []
    for name, entry in table.items():
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ModelFileError(f"its header has a tensor of the name {shown(name)}, which is none")
        declared[name], (start, end) = _entry(name, entry)
        if end - start != declared[name].bytes:
            raise ModelFileError(
                f"its tensor '{name[:100]}' needs {declared[name].bytes} bytes, and its header gives it {end - start}"
            )
        places.append((start, end, name))
    reached = 0
    for start, end, name in sorted(places):
        if start != reached:
            raise ModelFileError(
                f"its tensor '{name[:100]}' is to begin at byte {start}, where the one before it ends at {reached}"
            )
        reached = end
    if reached != size:
        raise ModelFileError(f"its tensors end after {reached} bytes, and {size} are there")
    return declared, {name: start for start, _, name in places}


def _entry(name: str, entry: Any) -> tuple[Declared, tuple[int, int]]:
    """A tensor, and where it begins and ends."""
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise ModelFileError(f"its tensor '{name[:100]}' must have dtype, shape and data_offsets, got {shown(entry)}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFileError(f"its tensor '{name[:100]}' must be one of {', '.join(DTYPES)}, got {shown(dtype)}")
    if not _are_sizes(shape) or len(shape) > MAX_AXES or math.prod(one or 1 for one in shape) >= 2**63:
        raise ModelFileError(
            f"the shape of its tensor '{name[:100]}' must be a list of at most {MAX_AXES} sizes, got {shown(shape)}"
        )
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ModelFileError(
            f"the data_offsets of its tensor '{name[:100]}' must be where it begins and ends, got {shown(offsets)}"
        )
    return Declared(DTYPES[dtype], tuple(shape)), (offsets[0], offsets[1])


def _are_sizes(given: Any) -> bool:
    return isinstance(given, list) and all(type(one) is int and 0 <= one < 2**63 for one in given)


def _head(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """All that comes before the data, with zeros for the checksum. Raises ModelFileError where it could not be read."""
    table, start = {}, 0
    for name in _in_order(tensors):
        tensor = tensors[name]
        if tensor.dtype not in _NAMES:
            raise ModelFileError(f"its tensor '{name}' is {tensor.dtype}, and a file has {', '.join(DTYPES)}")
        end = start + tensor.nbytes
        table[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = dumped({_METADATA: {"minidl": dumped({"sha256": _ZEROS.decode(), **header})}, **table}).encode("ascii")
    if len(text) + 8 > MAX_HEADER:
        raise ModelFileError(f"its header has {len(text):,} bytes, and may have {MAX_HEADER:,}")
    _contents(text, start)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _in_order(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names, those of the longest numbers first, so that all are aligned."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def _data(tensors: Mapping[str, Tensor]) -> Iterator[memoryview]:
    for name in _in_order(tensors):
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
