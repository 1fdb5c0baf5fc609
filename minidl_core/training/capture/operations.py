"""What a step does: operations on values, which are views of memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Call = Callable[..., object]
"""What is left of an operation: a function with all that it is given."""


@dataclass(eq=False)
class Memory:
    """What a storage holds: that of tensors from outside the step, or of what an operation makes."""

    outside: Tensor | None = None
    """A tensor of the storage; None where the step makes it."""
    is_ours: bool = False
    """Whether it is none of what was recorded, and nobody else reads it."""


@dataclass(eq=False)
class Value:
    """A tensor of the step: its place in a memory, in elements."""

    memory: Memory
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, tensor: Tensor, memory: Memory) -> Value:
        return cls(memory, tensor.dtype, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()))

    @classmethod
    def new(cls, dtype: torch.dtype, shape: tuple[int, ...]) -> Value:
        """One in a memory of its own, its numbers one behind the other."""
        stride = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        return cls(Memory(), dtype, shape, stride, 0)

    @property
    def place(self) -> tuple[object, ...]:
        """What two values have in common that are the same numbers."""
        return self.memory, self.dtype, self.shape, self.stride, self.offset

    def tensor_outside(self) -> torch.Tensor:
        """The tensor that a value in memory from outside is."""
        assert self.memory.outside is not None
        whole = torch.empty(0, dtype=self.dtype, device=self.memory.outside.device)
        whole.set_(self.memory.outside.untyped_storage())
        return whole.as_strided(self.shape, self.stride, self.offset)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        """The first byte of its memory behind it."""
        last = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)) if self.size else -1
        return (self.offset + last + 1) * self.dtype.itemsize

    @property
    def is_contiguous(self) -> bool:
        """Whether its numbers lie one behind the other."""
        expected = 1
        for size, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size > 1 and step != expected:
                return False
            expected *= size
        return True

    @property
    def layout(self) -> tuple[object, ...]:
        """What two values have in common of which the same number lies as far from the first."""
        return self.shape, tuple(step for size, step in zip(self.shape, self.stride, strict=True) if size > 1)

    @property
    def is_dense(self) -> bool:
        """Whether its numbers lie one behind the other, in whatever order of the axes."""
        axes = sorted(zip(self.stride, self.shape, strict=True))
        return dataclasses.replace(
            self, shape=tuple(n for _, n in axes[::-1]), stride=tuple(s for s, _ in axes[::-1])
        ).is_contiguous

    @property
    def is_by_columns(self) -> bool:
        """Whether the numbers of a column lie one behind the other, and not those of a row."""
        return self.ndim > 1 and self.stride[-2] == 1 != self.stride[-1]


@dataclass(eq=False)
class Operation:
    """A call of a torch function, with values in the place of tensors."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Value, ...]
    """What it makes: each all of a memory of its own, or a place in memory from outside."""
    changes: tuple[Value, ...] = ()
    """Which of its arguments it changes in place."""
    draws: bool = False
    """Whether it takes random numbers."""
    name: str = field(init=False)
    arguments: list[Value] = field(init=False)
    """The values among its arguments."""

    def __post_init__(self) -> None:
        self.name = self.function.__name__
        self.arguments = list(values_in((self.args, self.kwargs)))

    @property
    def reads(self) -> list[Value]:
        """The values whose numbers it needs; of the first one some take the shape alone."""
        return self.arguments[1:] if self.name in TAKES_SHAPE_ALONE else self.arguments

    @property
    def writes(self) -> tuple[Value, ...]:
        return self.outputs + self.changes

    @property
    def is_product(self) -> bool:
        """Whether it is a @ b."""
        return self.name in ("matmul", "__matmul__") and len(self.args) == 2 and not self.kwargs

    def with_output(self, output: Value) -> Operation:
        """The same, made in another place."""
        return dataclasses.replace(self, outputs=(output,))


TAKES_SHAPE_ALONE = {
    "empty_like", "full_like", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros", "ones_like",
    "rand_like", "randint_like", "randn_like", "zeros_like",
}  # fmt: skip
"""Functions of which the first argument says a shape, a type and a device."""


def transposed(value: Value) -> Value:
    """Each matrix, its last two axes, transposed."""

    def swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
        return (*axes[:-2], axes[-1], axes[-2])

    return dataclasses.replace(value, shape=swapped(value.shape), stride=swapped(value.stride))


def uses_of(value: Value, operations: Iterable[Operation]) -> list[Operation]:
    """The operations that have to do with the memory of a value."""
    return [one for one in operations if any(other.memory is value.memory for other in (*one.arguments, *one.outputs))]


def are_changed(values: Iterable[Value], operations: Iterable[Operation]) -> bool:
    """Whether some operations write into the memory of any of these values."""
    memories = {value.memory for value in values}
    return any(written.memory in memories for operation in operations for written in operation.writes)


def values_in(arguments: Any) -> Iterator[Value]:
    """The values among arguments, at any depth."""
    if isinstance(arguments, Value):
        yield arguments
    elif isinstance(arguments, (list, tuple)):
        for argument in arguments:
            yield from values_in(argument)
    elif isinstance(arguments, dict):
        yield from values_in(tuple(arguments.values()))
    elif isinstance(arguments, slice):
        yield from values_in((arguments.start, arguments.stop, arguments.step))


def replaced(arguments: Any, kind: type | tuple[type, ...], replacement: Callable[[Any], Any]) -> Any:
    """The same arguments with each one of a kind replaced, at any depth."""
    if isinstance(arguments, kind):
        return replacement(arguments)
    if isinstance(arguments, dict):
        return {key: replaced(value, kind, replacement) for key, value in arguments.items()}
    if isinstance(arguments, tuple) and hasattr(arguments, "_fields"):
        return type(arguments)(*(replaced(value, kind, replacement) for value in arguments))
    if isinstance(arguments, (list, tuple)) and not isinstance(arguments, torch.Size):
        return type(arguments)(replaced(value, kind, replacement) for value in arguments)
    if isinstance(arguments, slice):
        return slice(*(replaced(part, kind, replacement) for part in (arguments.start, arguments.stop, arguments.step)))
    return arguments
