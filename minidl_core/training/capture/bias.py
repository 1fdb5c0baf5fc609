"""A product plus a bias as one call.

Small: y = [x 1] [W; b]. A weight and its bias lie one behind the other in the model's flat parameters, and so do their
gradients, since [dW; db] = [x 1]ᵀ dy; one call less is then worth more than the copy of x that it takes: by NumPy, and
on a GPU, where adding a bias and summing over rows are kernels that take as long as the product. Large, where torch
computes the product: its own function for both. NumPy has none, and where it computes a large product is faster
without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.numpy_calls import is_small_product, takes_product
from minidl_core.training.capture.operations import Memory, Operation, Value, are_changed, transposed, uses_of


def with_bias_in_product(operations: Sequence[Operation], threads: int, numpy: bool) -> list[Operation]:
    """The same operations, where each bias that can be is part of its product.

    Args:
        threads: with how many torch computes.
        numpy: whether NumPy may compute products; it may not on a GPU.
    """
    made = list(operations)
    for add in operations:
        found = _product_and_bias(add, made)
        if found is None:
            continue
        product, bias = found
        x, weight = product.args
        by_numpy = numpy and takes_product(x, weight, add.outputs[0], threads)
        if (by_numpy or not numpy) and is_small_product(x, weight) and _is_below(bias, weight):
            device = weight.tensor_outside().device
            rows = torch.ones(*x.shape[:-1], x.shape[-1] + 1, dtype=x.dtype, device=device)
            whole = Value.of(rows, Memory(rows, is_ours=True))
            part = replace(whole, shape=x.shape)
            copy = Operation(torch.Tensor.copy_, (part, x), {}, (), changes=(part,))
            made[made.index(product)] = copy
            made[made.index(add)] = Operation(torch.matmul, (whole, _with_row_below(weight)), {}, add.outputs)
            _join_gradients(made, copy, whole)
        elif not by_numpy and x.ndim == weight.ndim in (2, 3) and bias.ndim <= weight.ndim:
            both = torch.addmm if weight.ndim == 2 else torch.baddbmm
            made[made.index(add)] = Operation(both, (bias, x, weight), {}, add.outputs)
            made.remove(product)
    return made


def _product_and_bias(add: Operation, operations: Sequence[Operation]) -> tuple[Operation, Value] | None:
    """The product to which an operation adds something that is not used before, and what it adds; None for another."""
    form = elementwise(add)
    if form is None or form.name != "add" or form.keywords or not add.outputs:
        return None
    for y, bias in (form.inputs, form.inputs[::-1]):
        if not isinstance(y, Value) or not isinstance(bias, Value) or bias.memory.outside is None:
            continue
        uses = uses_of(y, operations)
        is_product = len(uses) == 2 and uses[1] is add and uses[0].is_product
        if not is_product or (form.output.shape, form.output.dtype) != (y.shape, bias.dtype):
            continue
        between = operations[operations.index(uses[0]) + 1 : operations.index(add)]
        if not are_changed([*uses[0].reads, bias], between):
            return uses[0], bias
    return None


def _join_gradients(operations: list[Operation], copy: Operation, whole: Value) -> None:
    """Make one product of xᵀ dy and Σ dy, where their results lie one below the other, of the copy of x and ones."""
    _, x = copy.args
    for product in operations:
        if not product.is_product or product.args[0].place != transposed(x).place:
            continue
        if are_changed([x], operations[operations.index(copy) : operations.index(product)]):
            return
        dy, [weight] = product.args[1], product.outputs
        for total in operations[operations.index(product) :]:
            if any(value.memory is dy.memory for value in total.changes):
                break
            sums_rows = total.name == "sum" and total.args == (dy, -2) and not total.kwargs
            if sums_rows and _is_below(total.outputs[0], weight):
                joined = Operation(torch.matmul, (transposed(whole), dy), {}, (_with_row_below(weight),))
                operations[operations.index(product)] = joined
                operations.remove(total)
                return


def _is_below(row: Value, matrix: Value) -> bool:
    """Whether a row lies in memory where the next row of a matrix would, in each round."""
    if not 1 <= row.ndim <= matrix.ndim or row.memory is not matrix.memory or matrix.memory.outside is None:
        return False
    rounds, size = matrix.ndim - 2, matrix.shape[-1]
    middle = row.shape[rounds:-1]  # a bias may have an axis for the rows that it is added to
    return (
        matrix.stride[-2:] == (size, 1)
        and (*row.shape[:rounds], row.shape[-1]) == (*matrix.shape[:rounds], size)
        and (*row.stride[:rounds], row.stride[-1]) == (*matrix.stride[:rounds], 1)
        and middle in ((), (1,))
        and row.offset == matrix.offset + matrix.shape[-2] * size
    )


def _with_row_below(matrix: Value) -> Value:
    return replace(matrix, shape=(*matrix.shape[:-2], matrix.shape[-2] + 1, matrix.shape[-1]))
