"""Machine code, which LLVM makes of its own language.

LLVM comes with the package llvmlite, the extra `jit`.
"""

from __future__ import annotations

import functools
import importlib.util
from importlib import metadata
from typing import Any, Protocol

from minidl_core.training.capture.code import Builder, Function, Number, int64
from minidl_core.training.capture.openmp import SHARE, THREAD, THREADS, addresses

OLDEST = (0, 45)
"""Before it llvmlite has pointers of another kind; numba may have brought one."""
GRAIN = 64
"""A thread's part has a multiple of so many numbers, so that two threads seldom write into one line of the cache."""


class Piece(Protocol):
    """What machine code is made for. Two that are equal share it."""

    @property
    def size(self) -> int:
        """How many numbers it treats one by one, of which a thread may do a part; 0 where it does all or nothing."""

    @property
    def places(self) -> tuple[int, ...]:
        """One for each place in memory that it is given."""

    def add(self, module: Any, name: str) -> Function:
        """Its function, of these places, and with a size of the first number and the end of a part."""

    def __hash__(self) -> int: ...


def is_available() -> bool:
    """Whether llvmlite is installed, and new enough."""
    return importlib.util.find_spec("llvmlite") is not None and _release() >= OLDEST


@functools.cache
def _release() -> tuple[int, ...]:
    from packaging.version import Version

    try:
        return Version(metadata.version("llvmlite")).release
    except metadata.PackageNotFoundError:  # a part of something else
        return (0,)


@functools.lru_cache(64)
def compiled(pieces: tuple[Piece, ...], shared: bool) -> Any:
    """A function `share(places)` for this processor, which does one piece after the other.

    Args:
        pieces: of which it is given the places, one after the other in one array.
        shared: whether it is OpenMP's threads that call it, each for its part.
    """
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        opt=3, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(_code(pieces, shared)), machine)
    for name, address in addresses() if shared else ():
        llvm.add_symbol(name, address)
    engine.finalize_object()
    function: Any = SHARE(engine.get_function_address("share"))
    function.engine = engine  # which has the code
    return function


def _code(pieces: tuple[Piece, ...], shared: bool) -> str:
    """The same in LLVM's language."""
    from llvmlite import ir

    module = ir.Module()
    functions = {piece: piece.add(module, f"piece{at}") for at, piece in enumerate(dict.fromkeys(pieces))}
    share = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType()]), "share")
    code = ir.IRBuilder(share.append_basic_block())
    position = 0
    for piece in pieces:
        places = []
        for _ in piece.places:
            where = code.gep(share.args[0], [int64(position)], source_etype=ir.PointerType())
            places.append(code.load(where, typ=ir.PointerType()))
            position += 1
        part = (_part(code, piece.size) if shared else (int64(0), int64(piece.size))) if piece.size else ()
        code.call(functions[piece], [*places, *part])
    code.ret_void()
    return str(module)


def _part(code: Builder, count: int) -> tuple[Number, Number]:
    """Of n numbers, thread t of T does those from t length to (t + 1) length, where there are any, with
    length = 64 ⌈n / (64 T)⌉."""
    from llvmlite import ir

    def asked(name: str) -> Number:
        known = code.module.globals.get(name)
        function = known or ir.Function(code.module, ir.FunctionType(ir.IntType(32), []), name)
        return code.sext(code.call(function, []), ir.IntType(64))

    thread, threads = asked(THREAD), asked(THREADS)
    blocks = int64(-(-count // GRAIN))
    of_each = code.udiv(code.add(blocks, code.sub(threads, int64(1))), threads)
    length = code.mul(of_each, int64(GRAIN))
    first = code.mul(thread, length)
    end = code.add(first, length)
    return first, code.select(code.icmp_signed("<", end, int64(count)), end, int64(count))
