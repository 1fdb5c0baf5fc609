"""Operations over the axes of tensors of any layout, in LLVM's language: what broadcasts, copies, and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from minidl_core.training.capture.code import (
    REGISTER,
    Builder,
    Function,
    Number,
    for_each,
    kind_of,
    load,
    new_function,
    on,
    parts,
    repeated,
    same,
    store,
    sum_of,
    wide,
)
from minidl_core.training.capture.loop_code import Form
from minidl_core.training.capture.operations import Value


class Axis(NamedTuple):
    """An axis that several tensors have in common."""

    size: int
    strides: tuple[int, ...]
    """How far it is from one number to the next in each tensor; 0 where there is one number for all."""


@dataclass(frozen=True)
class Broadcast:
    """output = function(inputs) where shapes broadcast, or a copy."""

    types: tuple[torch.dtype, ...]
    """Of the tensors, the output the last."""
    axes: tuple[Axis, ...]
    """The innermost the last."""
    form: Form | None
    """None to copy. Its numbers are those of the tensors."""
    size: int = 0

    @classmethod
    def of(cls, values: Sequence[Value], form: Form | None) -> Broadcast:
        """Of inputs and an output, the last of them."""
        output = values[-1]
        strides = [_strides(value, output.shape) for value in values]
        axes = _joined([Axis(size, tuple(along)) for size, *along in zip(output.shape, *strides, strict=True)])
        return cls(tuple(value.dtype for value in values), axes, form)

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(range(len(self.types)))

    def add(self, module: Any, name: str) -> Function:
        """A function `name(*places)`."""
        function, code = new_function(module, name, len(self.types))
        *outer, inner = self.axes
        is_by_vectors = set(inner.strides) <= {0, 1} and inner.strides[-1] == 1
        lanes = 2 * REGISTER // max(dtype.itemsize for dtype in self.types)
        for part in parts(inner.size, lanes) if is_by_vectors else [range(inner.size)]:
            width = part.step if is_by_vectors else 0

            def write(*indices: Number, width: int = width) -> None:
                places = [
                    _walked(code, place, indices, self.axes, at, dtype)
                    for at, (place, dtype) in enumerate(zip(function.args, self.types, strict=True))
                ]
                numbers = {
                    at: load(code, place, dtype, width if inner.strides[at] else 0)
                    for at, (place, dtype) in enumerate(zip(places, self.types, strict=True))
                }
                last = len(places) - 1
                result = wide(code, numbers[0], width) if self.form is None else self.form.result(code, numbers, width)
                store(code, result, places[last], self.types[last])

            for_each(code, [*(range(axis.size) for axis in outer), part], write)
        code.ret_void()
        return function


@dataclass(frozen=True)
class Sum:
    """Sums over some axes of a tensor."""

    dtype: torch.dtype
    kept: tuple[Axis, ...]
    """The axes of the output; of the tensor and of the output."""
    summed: tuple[Axis, ...]
    """The others, of the tensor alone."""
    size: int = 0

    @classmethod
    def of(cls, x: Value, axes: Sequence[int], output: Value) -> Sum:
        """Over axes of x; the output has the others, and may have them with a size of 1."""
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        keeps = output.ndim == x.ndim
        strides = [output.stride[axis if keeps else at] for at, axis in enumerate(kept)]
        return cls(
            x.dtype,
            _joined([Axis(x.shape[axis], (x.stride[axis], step)) for axis, step in zip(kept, strides, strict=True)]),
            _joined([Axis(x.shape[axis], (x.stride[axis],)) for axis in axes]),
        )

    @property
    def places(self) -> tuple[int, ...]:
        return (0, 1)

    def add(self, module: Any, name: str) -> Function:
        """A function `name(x, output)`."""
        function, code = new_function(module, name, 2)
        lanes = 2 * REGISTER // self.dtype.itemsize
        *outer, inner = self.kept
        is_by_vectors = inner.strides == (1, 1)
        for part in parts(inner.size, lanes) if is_by_vectors else [range(inner.size)]:
            width = part.step if is_by_vectors else 0

            def write(*indices: Number, width: int = width) -> None:
                x, output = (
                    _walked(code, place, indices, self.kept, at, self.dtype) for at, place in enumerate(function.args)
                )
                total = self._total(code, x, lanes) if not width else self._totals(code, x, self.summed, width)
                store(code, total, output, self.dtype)

            for_each(code, [*(range(axis.size) for axis in outer), part], write)
        code.ret_void()
        return function

    def _total(self, code: Builder, x: Number, lanes: int) -> Number:
        """The sum of all from a place on: where the innermost lie one behind the other, of vectors first."""
        inner = self.summed[-1]
        if inner.strides != (1,):
            return self._totals(code, x, self.summed, 0)
        total = same(kind_of(self.dtype), 0.0)
        for part in parts(inner.size, lanes):
            totals = self._totals(code, x, self.summed, part.step, part)
            total = sum_of(code, totals, total)
        return total

    def _totals(self, code: Builder, x: Number, axes: Sequence[Axis], width: int, part: range | None = None) -> Number:
        """The sums of as many vectors, or numbers; of the last axis those of a part."""

        def added(place: Number, axes: Sequence[Axis], total: Number) -> Number:
            if not axes:
                return code.fadd(total, load(code, place, self.dtype, width))
            first, *others = axes
            steps = part if part is not None and not others else range(first.size)
            [total] = repeated(
                code,
                steps,
                lambda index, carried: [
                    added(on(code, place, index, kind_of(self.dtype), first.strides[0]), others, carried[0])
                ],
                [total],
            )
            return total

        return added(x, axes, same(kind_of(self.dtype, width), 0.0))


def _strides(value: Value, shape: tuple[int, ...]) -> list[int]:
    """The strides of a value that broadcasts to a shape."""
    missing = len(shape) - value.ndim
    own = zip(value.shape, value.stride, strict=True)
    return [0] * missing + [0 if size == 1 else stride for size, stride in own]


def _joined(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The same in the order in which the last tensor lies in memory, where two are one if they are so in all."""
    ordered = sorted((axis for axis in axes if axis.size > 1), key=lambda axis: -axis.strides[-1])
    joined: list[Axis] = []
    for axis in ordered:
        steps = tuple(axis.size * stride for stride in axis.strides)
        if joined and joined[-1].strides == steps:
            joined[-1] = Axis(joined[-1].size * axis.size, axis.strides)
        else:
            joined.append(axis)
    return tuple(joined) or (Axis(1, tuple(1 for _ in axes[0].strides) if axes else (1, 1)),)


def _walked(
    code: Builder, place: Number, indices: Sequence[Number], axes: Sequence[Axis], tensor: int, dtype: torch.dtype
) -> Number:
    """The place of a tensor's number at some indices."""
    for index, axis in zip(indices, axes, strict=True):
        place = on(code, place, index, kind_of(dtype), axis.strides[tensor])
    return place
