"""What a file of another program is, by its first bytes, so that someone who took the wrong one is told."""

from __future__ import annotations

import codecs
import re

HEAD = 512
"""Bytes that are enough to tell."""

_FIRST_BYTES = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"PAR1", "a table (Parquet)"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]|c[A-Za-z_][\w.]*\n\w+\n|\(?[dl]p0\n|[\]}]q\x00")


def format_of(head: bytes) -> str:
    """What a file with these first bytes is, as in 'it is a pickle'."""
    if not head:
        return "empty"
    if is_safetensors(head):
        if b'"minidl"' in head:
            return "of a version of minidl that this one does not know, or it is damaged"
        return "a safetensors file of another program, or it is damaged"
    if head.startswith(b"PK\x03\x04"):
        return _archive(head)
    if _PICKLE.match(head):
        return "a pickle"
    for first, name in _FIRST_BYTES:
        if head.startswith(first):
            return name
    if _is_text(head):
        return "JSON" if head.lstrip()[:1] in (b"{", b"[") else "text"
    return "of an unknown format, or it is damaged"


def is_safetensors(head: bytes) -> bool:
    """Whether a length and the beginning of an object are there. A length may begin as a pickle does."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40


def _archive(head: bytes) -> str:
    if b"data.pkl" in head:
        return "a file of torch.save (.pt), which holds a pickle"
    return "a NumPy archive (.npz)" if b".npy" in head else "a zip archive"


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character.isspace() for character in text)
