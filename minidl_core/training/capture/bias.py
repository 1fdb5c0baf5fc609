"""A product plus a bias as one product: y = [x 1] [W; b].

A weight and its bias lie one behind the other in the model's flat parameters, and so do their gradients, since
[dW; db] = [x 1]ᵀ dy. For small products one call less is worth more than the copy of x that it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.numpy_calls import is_small_product, takes_product
from minidl_core.training.capture.operations import Memory, Operation, Value


def with_bias_in_product(operations: Sequence[Operation], threads: int) -> list[Operation]:
    """The same operations, where each bias that fits is a row of its weight."""
    made = list(operations)
    for add in operations:
        product = _product_of(add, made, threads)
        if product is None:
            continue
        x, weight = product.args
        rows = torch.ones(*x.shape[:-1], x.shape[-1] + 1, dtype=x.dtype)
        memory = Memory(rows, is_ours=True)
        whole = Value.of(rows, memory)
        part = replace(whole, shape=x.shape)
        copy = Operation(torch.Tensor.copy_, (part, x), {}, (), changes=(part,))
        made[made.index(product)] = copy
        made[made.index(add)] = Operation(torch.matmul, (whole, _with_row_below(weight)), {}, add.outputs)
        _join_gradients(made, x, whole)
    return made


def _product_of(add: Operation, operations: Sequence[Operation], threads: int) -> Operation | None:
    """The product to which an operation adds the bias of its weight, where both may be one."""
    form = elementwise(add)
    if form is None or form.name != "add" or not add.outputs:
        return None
    for y, bias in (form.inputs, form.inputs[::-1]):
        if not isinstance(y, Value) or not isinstance(bias, Value):
            continue
        uses = [one for one in operations if any(value.memory is y.memory for value in (*one.arguments, *one.outputs))]
        if len(uses) != 2 or uses[1] is not add or uses[0].name not in ("matmul", "__matmul__") or uses[0].kwargs:
            continue
        x, weight = uses[0].args
        is_small = takes_product(x, weight, form.output, threads) and is_small_product(x, weight)
        if is_small and form.output.shape == y.shape and _is_below(bias, weight):
            return uses[0]
    return None


def _join_gradients(operations: list[Operation], x: Value, whole: Value) -> None:
    """Make one product of xᵀ dy and Σ dy, where their results lie one below the other."""
    for product in operations:
        if product.name not in ("matmul", "__matmul__") or product.args[0].place != _transposed(x).place:
            continue
        dy, [weight] = product.args[1], product.outputs
        for total in operations[operations.index(product) :]:
            if any(value.memory is dy.memory for value in total.changes):
                break
            sums_rows = total.name == "sum" and total.args == (dy, -2) and not total.kwargs
            if sums_rows and _is_below(total.outputs[0], weight):
                joined = Operation(torch.matmul, (_transposed(whole), dy), {}, (_with_row_below(weight),))
                operations[operations.index(product)] = joined
                operations.remove(total)
                return


def _is_below(row: Value, matrix: Value) -> bool:
    """Whether a row lies in memory where the next row of a matrix would, in each round."""
    if matrix.ndim < 2 or row.memory is not matrix.memory or matrix.memory.outside is None:
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


def _transposed(value: Value) -> Value:
    def swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
        return (*axes[:-2], axes[-1], axes[-2])

    return replace(value, shape=swapped(value.shape), stride=swapped(value.stride))
