"""Calls of torch's on a GPU as a CUDA graph: all their kernels in one launch."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable

import torch

_one_at_a_time = threading.Lock()


def graph_of(
    work: Callable[[], object], device: torch.device, generators: Iterable[torch.Generator] = ()
) -> torch.cuda.CUDAGraph:
    """The graph of what some work does there, which is not done by this.

    Args:
        generators: those that it draws from, beside the default ones.

    Raises RuntimeError where the work needs the host in between.
    """
    graph, stream = torch.cuda.CUDAGraph(), _stream(device)
    for generator in generators:
        graph.register_generator_state(generator)
    with _one_at_a_time:
        torch.cuda.synchronize(device)
        with torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                work()
            finally:
                graph.capture_end()
        # A capture sets the places of random numbers, which the first replay sets too, and must not before.
        torch.cuda.current_stream(device).wait_stream(stream)
    return graph


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The one that is captured, always the same: the library that computes products keeps memory for each."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
