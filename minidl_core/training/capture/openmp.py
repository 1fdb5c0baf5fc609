"""The threads that torch computes with: they are there already, and wait for work."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import torch

SHARE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""What a thread calls, with what is given to all of them."""
FUNCTIONS = ("omp_get_thread_num", "omp_get_num_threads")
"""By which it knows its own part."""


@functools.cache
def team() -> Callable[..., None] | None:
    """The function that has so many threads call another: `team()(share, argument, threads, 0)`.

    It is of the OpenMP library that torch brings: GNU's, or LLVM's, which has that function too. None where torch has
    another one.
    """
    if not hasattr(_library(), "GOMP_parallel"):
        return None
    kind = ctypes.CFUNCTYPE(None, SHARE, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    return kind(("GOMP_parallel", _library()))


def addresses() -> dict[str, int]:
    """Where the functions are that a share may call."""
    return {name: _address(getattr(_library(), name)) for name in FUNCTIONS}


@functools.cache
def _library() -> ctypes.CDLL:
    """Torch's own; with it are found those that it needs."""
    return ctypes.CDLL(torch._C.__file__)


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
