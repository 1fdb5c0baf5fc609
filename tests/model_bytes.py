"""Model files that are wrong on purpose, with a right checksum where later checks are to be reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

BEGINNING = b'{"__metadata__":{"minidl":"{\\"sha256\\":\\"'
DIGITS = slice(8 + len(BEGINNING), 8 + len(BEGINNING) + 64)
ZEROS = "0" * 64


def parts(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a model file, without its checksum."""
    length = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["minidl"])
    del header["sha256"]
    return load(content), header


def sealed(content: bytes) -> bytes:
    """The same file with a checksum that is right."""
    blank = content[: DIGITS.start] + ZEROS.encode() + content[DIGITS.stop :]
    return blank[: DIGITS.start] + hashlib.sha256(blank).hexdigest().encode() + blank[DIGITS.stop :]


def text_of(header: Mapping[str, Any]) -> str:
    """The JSON text of a header; NaN and all else that Python writes."""
    return json.dumps({"sha256": ZEROS, **header}, separators=(",", ":"))


def model_file(tensors: dict[str, Tensor], header: Mapping[str, Any] | str) -> bytes:
    """A file as safetensors itself writes it, with this header, or its text, which has a checksum of zeros."""
    text = header if isinstance(header, str) else text_of(header)
    return sealed(save(tensors, {"minidl": text}))


def raw_file(text: str | bytes, data: bytes = b"") -> bytes:
    """A file of a header of any text and data, as they are."""
    raw = text.encode() if isinstance(text, str) else text
    return sealed(len(raw).to_bytes(8, "little") + raw + data)
