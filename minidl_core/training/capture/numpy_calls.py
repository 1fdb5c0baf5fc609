"""Operations as bare calls of NumPy on the tensors' own memory.

A call of NumPy with small arrays costs a quarter of one of torch (0.2 to 0.5 µs, not 0.9 to 2 µs), and its arithmetic
on one thread is no slower; its products with few columns are far faster.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minidl_core.training.capture.elementwise import COMPARISONS, UFUNCS, Elementwise
from minidl_core.training.capture.operations import Call, Operation, Value, transposed

Array = NDArray[np.generic]

SMALL_PRODUCT = 2**20
"""Multiplications, some ten microseconds of them."""
NUMBERS_WORTH_THREADS = 2**19
MULTIPLICATIONS_WORTH_THREADS = 2**24
"""From which on torch with several threads is faster than NumPy with one, elementwise and in products."""
Scratch = dict[tuple[float | None, np.dtype[Any], tuple[int, ...], tuple[int, ...]], Array]
"""Memory beside the values', of one program: by the number that fills it, type, shape and strides."""
FEW_NUMBERS = 2**15
"""Of an array that costs nothing to be kept whole, 128 KB of float32."""
FLOATS: dict[torch.dtype, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}
EXTREMES = ("maximum", "minimum")
"""Of which NumPy's vector loops take two arrays, and no single number; and whose output must be named."""


def takes_elementwise(form: Elementwise, threads: int) -> bool:
    """Whether NumPy computes it with the same types as torch, and at least as fast."""
    values = [one for one in form.inputs if isinstance(one, Value)]
    if form.name not in UFUNCS or form.keywords or any(value.shape not in ((), form.output.shape) for value in values):
        return False  # NumPy would take memory to broadcast, and time
    if form.name in EXTREMES and len(values) == 1 and form.output.size >= FEW_NUMBERS:
        return False
    whole = {value.dtype for value in values if value.shape or not form.output.shape}
    numbers = {value.dtype for value in values if not value.shape}
    masks = {torch.bool} if form.name == "mul" else set()
    computed = whole - masks
    right_output = form.output.dtype == torch.bool if form.name in COMPARISONS else {form.output.dtype} == computed
    return (
        len(computed) == 1
        and (computed | numbers) <= FLOATS.keys()
        and right_output
        and (threads == 1 or form.output.size < NUMBERS_WORTH_THREADS)
    )


def elementwise_calls(form: Elementwise, array: Callable[[Value], Array], scratch: Scratch) -> list[Call]:
    """Calls of a ufunc. A number within is an array too, which costs NumPy less to take."""
    values = [one for one in form.inputs if isinstance(one, Value) and one.dtype != torch.bool]
    computed = FLOATS[max(values, key=lambda value: value.ndim).dtype]
    calls: list[Call] = []
    inputs: list[Array] = []
    for one in form.inputs:
        if isinstance(one, Value) and one.dtype == torch.bool:
            # A copy as numbers and a product of numbers take less time than a product with truth values.
            numbers = _like(array(one), computed, scratch)
            calls.append(_copy(numbers, array(one)))
            inputs.append(numbers)
            continue
        if not isinstance(one, Value):
            is_whole = form.name in EXTREMES
            number = float(one)
            inputs.append(
                _like(array(form.output), computed, scratch, number) if is_whole else np.array(number, computed)
            )
        elif FLOATS[one.dtype] != computed:
            cell = np.empty((), computed)
            calls.append(_copy(cell, array(one)))
            inputs.append(cell)
        else:
            inputs.append(array(one))
    if form.name in EXTREMES:
        return [*calls, functools.partial(UFUNCS[form.name], *inputs, out=array(form.output))]
    return [*calls, functools.partial(UFUNCS[form.name], *inputs, array(form.output))]


def _like(array: Array, dtype: np.dtype[Any], scratch: Scratch, number: float | None = None) -> Array:
    """One of the same layout: written by one call and read by the next, or filled with a number and read alone."""
    key = number, dtype, array.shape, array.strides
    if key not in scratch:
        scratch[key] = np.empty_like(array, dtype) if number is None else np.full_like(array, number, dtype)
    return scratch[key]


@functools.lru_cache(256)
def _ones(dtype: np.dtype[np.generic], size: int) -> Array:
    """Read by calls, and never written."""
    return np.ones(size, dtype)


def takes_product(left: Value, right: Value, output: Value, threads: int) -> bool:
    """Whether NumPy computes left @ right, at least as fast as torch: not by a large transposed matrix.

    With several threads all that is large is torch's: two libraries' threads on the same cores wait for each other.
    """
    if min(left.ndim, right.ndim) < 2 or not {left.dtype, right.dtype} == {output.dtype} <= FLOATS.keys():
        return False
    if threads > 1:
        return output.size * left.shape[-1] < MULTIPLICATIONS_WORTH_THREADS
    return right.stride[-1] == 1 or is_small_product(left, right)


def is_small_product(left: Value, right: Value) -> bool:
    """Whether, in one round, the calls around the product of two matrices count for more than the product."""
    return left.shape[-2] * left.shape[-1] * right.shape[-1] <= SMALL_PRODUCT


def product_call(left: Value, right: Value, output: Value, array: Callable[[Value], Array]) -> Call:
    """left @ right."""
    if output.is_by_columns:  # (left @ right)ᵀ = rightᵀ @ leftᵀ
        left, right, output = transposed(right), transposed(left), transposed(output)
    if left.ndim == right.ndim == 2 and output.is_contiguous:
        return functools.partial(array(left).dot, array(right), array(output))
    return functools.partial(np.matmul, array(left), array(right), array(output))


def copy_call(target: Value, source: Value, array: Callable[[Value], Array]) -> Call:
    """target = source."""
    return _copy(array(target), array(source))


def _copy(target: Array, source: Array) -> Call:
    # An assignment, target[...] = source, is the copy that NumPy has the shortest way to.
    return functools.partial(target.__setitem__, ..., source)


def takes_copy(target: Value, source: object) -> bool:
    """Whether NumPy copies the numbers as torch does, and sooner."""
    alike = isinstance(source, Value) and source.dtype == target.dtype in FLOATS and source.shape == target.shape
    return alike and target.size < FEW_NUMBERS


def sum_calls(operation: Operation, array: Callable[[Value], Array], threads: int) -> list[Call] | None:
    """x.sum(axes); a sum over rows is a product with ones, for which NumPy has the faster loop."""
    x, axes, keepdim = sum_arguments(operation)
    if x is None or not x.size or (threads > 1 and x.size >= NUMBERS_WORTH_THREADS):
        return None
    if x.dtype not in FLOATS or operation.outputs[0].dtype != x.dtype:
        return None
    numbers, output = array(x), array(operation.outputs[0])
    trailing = axes == tuple(range(x.ndim - len(axes), x.ndim))
    if trailing and x.is_contiguous and operation.outputs[0].is_contiguous and x.size <= FEW_NUMBERS:
        lead = x.shape[: x.ndim - len(axes)]
        summed = numbers.reshape(math.prod(lead), -1)
        return [functools.partial(summed.dot, _ones(numbers.dtype, summed.shape[1]), output.reshape(-1))]
    if x.is_contiguous and axes == (x.ndim - 2,) and math.prod(x.shape[-2:]) <= FEW_NUMBERS:
        if keepdim:
            output = output[..., 0, :]
        ones = _ones(numbers.dtype, x.shape[-2])
        if x.ndim == 2 and output.flags.c_contiguous:
            return [functools.partial(ones.dot, numbers, output)]
        return [functools.partial(np.matmul, ones[np.newaxis], numbers, output[..., np.newaxis, :])]
    return [functools.partial(np.add.reduce, numbers, axes, None, output, keepdim)]


def sum_arguments(operation: Operation) -> tuple[Value | None, tuple[int, ...], bool]:
    """What is summed, over which axes, and whether they stay; None where the call is of another form."""
    names = ("input", "dim", "keepdim")
    given = dict(zip(names, operation.args, strict=False)) | operation.kwargs
    x, dim = given.pop("input", None), given.pop("dim", None)
    keepdim = given.pop("keepdim", False)
    if given or not isinstance(x, Value):
        return None, (), False
    axes = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim) or range(x.ndim)
    return x, tuple(sorted(axis % max(x.ndim, 1) for axis in axes)), keepdim


def array_of(tensor: Tensor) -> Array:
    """The tensor's memory as NumPy sees it."""
    array: Array = tensor.detach().numpy()
    return array
