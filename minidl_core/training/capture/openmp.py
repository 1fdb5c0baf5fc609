"""The threads that torch computes with: they are there already, and wait for work."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import torch

SHARE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""What each thread calls, with what is given to all of them."""
THREAD, THREADS = "omp_get_thread_num", "omp_get_num_threads"
"""The functions by which it knows its own part."""


@functools.cache
def parallel() -> Callable[..., None] | None:
    """The function that has threads call another, each for its part: `parallel()(share, argument, threads, 0)`.

    It is of the OpenMP library that torch brings: GNU's, or LLVM's, which has that function too. None where torch has
    another one, as on Windows.
    """
    try:
        library = _library()
        kind = ctypes.CFUNCTYPE(None, SHARE, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
        return kind(("GOMP_parallel", library))
    except (OSError, AttributeError):
        return None


def addresses() -> frozenset[tuple[str, int | None]]:
    """Where the functions are that a thread may ask."""
    return frozenset(
        (name, ctypes.cast(getattr(_library(), name), ctypes.c_void_p).value) for name in (THREAD, THREADS)
    )


@functools.cache
def _library() -> ctypes.CDLL:
    """Torch's own; with it are found those that it needs."""
    return ctypes.CDLL(torch._C.__file__)
