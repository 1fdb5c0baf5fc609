"""The header of a file of tensors: what it says, written and read with distrust.

`{"__metadata__":{"minidl":TEXT},NAME:{"dtype":...,"shape":[...],"data_offsets":[...]},...}`, JSON in ASCII. TEXT is a
JSON object whose first key, `sha256`, is the checksum of the whole file with these 64 digits as zeros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.persistence.strict_json import dumped, parsed, shown

MAX_HEADER = 16 * 2**20
"""Bytes."""
MAX_NAME, MAX_AXES = 1000, 32

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

BEGINNING = b'{"__metadata__":{"minidl":"{\\"sha256\\":\\"'
ZEROS = b"0" * 64
DIGITS = slice(8 + len(BEGINNING), 8 + len(BEGINNING) + len(ZEROS))
"""Where the checksum stands in every file."""


class Declared(NamedTuple):
    """What a file says of one of its tensors."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def contents_of(text: bytes, size: int) -> tuple[dict[str, Any], dict[str, Declared], dict[str, int]]:
    """Of a header, and `size` bytes of data: the JSON object, and each tensor with where it starts in the data.

    Raises ModelFileError, about 'its header', where it is not as `head_of` writes it.
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


def head_of(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """All that comes before the data, with zeros for the checksum. Raises ModelFileError where it could not be read."""
    table, start = {}, 0
    for name in in_order(tensors):
        tensor = tensors[name]
        if tensor.dtype not in _NAMES:
            raise ModelFileError(f"its tensor '{name}' is {tensor.dtype}, and a file has {', '.join(DTYPES)}")
        end = start + tensor.nbytes
        table[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        start = end
    text = dumped({_METADATA: {"minidl": dumped({"sha256": ZEROS.decode(), **header})}, **table}).encode("ascii")
    if len(text) + 8 > MAX_HEADER:
        raise ModelFileError(f"its header has {len(text):,} bytes, and may have {MAX_HEADER:,}")
    contents_of(text, start)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def in_order(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names, those of the longest numbers first, so that all are aligned."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
