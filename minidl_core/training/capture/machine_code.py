"""Machine code, which LLVM makes of its own language.

LLVM comes with the package llvmlite, the extra `jit`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import metadata
from typing import Any

from minidl_core.training.capture.operations import Call

OLDEST = (0, 45)
"""Before it llvmlite has pointers of another kind; numba may have brought one."""


def is_available() -> bool:
    """Whether llvmlite is installed, and new enough."""
    return importlib.util.find_spec("llvmlite") is not None and _release() >= OLDEST


@functools.cache
def _release() -> tuple[int, ...]:
    from packaging.version import Version

    return Version(metadata.version("llvmlite")).release


@functools.lru_cache(256)
def compiled(code: str, places: int) -> Callable[..., None]:
    """The function `loop` of some code, which takes so many places in memory and a whole number, for this processor."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        opt=3, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    module = llvm.parse_assembly(code)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * places, ctypes.c_int64)
    function: Any = kind(engine.get_function_address("loop"))
    function.engine = engine  # which has the code
    return function  # type: ignore[no-any-return]


def side_by_side(calls: Sequence[Call]) -> None:
    """All of them at once: the first on this thread, the others on their own."""
    others = [_workers(len(calls) - 1).submit(call) for call in calls[1:]]
    try:
        calls[0]()
    finally:
        wait(others)


@functools.cache
def _workers(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "minidl-loop")
