"""The shape of one example, without batch and rounds."""

from __future__ import annotations

Shape = tuple[int, ...]


def spelt(shape: Shape) -> str:
    """`8x6x6`, and for a single size `64`."""
    return "x".join(map(str, shape))
