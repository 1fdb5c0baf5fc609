"""Machine code, which LLVM makes of its own language.

LLVM comes with the package llvmlite, the extra `jit`.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from minidl_core.training.capture.openmp import SHARE, addresses, team
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


def loop_call(code: str, places: Sequence[int], count: int) -> Call:
    """Call the function `loop` of some code, for all of so many numbers from some places in memory on."""
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(places), ctypes.c_int64, ctypes.c_int64)
    arguments = (*map(ctypes.c_void_p, places), ctypes.c_int64(0), ctypes.c_int64(count))
    return functools.partial(_function(code, "loop", kind), *arguments)


def shared_call(code: str, places: Sequence[int], count: int, threads: int) -> Call:
    """The same by several threads at once, each of which calls the function `share`."""
    start = team()
    assert start is not None
    arguments = (ctypes.c_int64 * (len(places) + 1))(*places, count)
    return functools.partial(start, _function(code, "share", SHARE), arguments, threads, 0)


def _function(code: str, name: str, kind: Any) -> Any:
    engine = _compiled(code)
    function = kind(engine.get_function_address(name))
    function.engine = engine  # which has the code
    return function


@functools.lru_cache(256)
def _compiled(code: str) -> Any:
    """For this processor."""
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
    if team():
        for name, address in addresses().items():
            llvm.add_symbol(name, address)
    engine.finalize_object()
    return engine
