"""Machine code, which LLVM makes of its own language.

LLVM comes with the package llvmlite, the extra `jit`.
"""

from __future__ import annotations

import functools
import importlib.util
from importlib import metadata
from typing import Any

from minidl_core.training.capture.openmp import SHARE

OLDEST = (0, 45)
"""Before it llvmlite has pointers of another kind; numba may have brought one."""


def is_available() -> bool:
    """Whether llvmlite is installed, and new enough."""
    return importlib.util.find_spec("llvmlite") is not None and _release() >= OLDEST


@functools.cache
def _release() -> tuple[int, ...]:
    from packaging.version import Version

    return Version(metadata.version("llvmlite")).release


@functools.lru_cache(32)
def compiled(code: str, outside: frozenset[tuple[str, int | None]]) -> Any:
    """The function `share` of some code, for this processor.

    Args:
        outside: the names and addresses of other functions that it calls.
    """
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
    for name, address in outside:
        llvm.add_symbol(name, address)
    engine.finalize_object()
    function: Any = SHARE(engine.get_function_address("share"))
    function.engine = engine  # which has the code
    return function
