"""Neighbours of which machine code can be made, as one call."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from minidl_core.training.capture.axes_code import Broadcast, Sum
from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.loop import Loop, can_be_in_loop
from minidl_core.training.capture.loop_code import Form
from minidl_core.training.capture.machine_code import Piece, compiled
from minidl_core.training.capture.neighbours import is_independent
from minidl_core.training.capture.numpy_calls import FLOATS, NUMBERS_WORTH_THREADS, sum_arguments
from minidl_core.training.capture.openmp import parallel
from minidl_core.training.capture.operations import Call, Operation, Value
from minidl_core.training.capture.product_code import Product

FEWEST_TO_SHARE = 2**17
"""Numbers of a loop, for which several threads are sooner done than one."""
MOST_MULTIPLICATIONS = 2**18
"""Of a product; a larger one BLAS computes as soon."""


class Link(NamedTuple):
    """An operation as machine code."""

    piece: Piece
    values: Sequence[Value]
    """What it is given the places of."""
    is_shared: bool = False
    """Whether all threads do a part of it."""


def link_of(operation: Operation, threads: int) -> Link | None:
    """None for an operation of which there is no machine code that is as fast as another way."""
    if isinstance(operation, Loop):
        return Link(operation.code, operation.values, threads > 1 and operation.code.size >= FEWEST_TO_SHARE)
    for made in (_product, _copy, _sum, _broadcast):
        link = made(operation)
        if link is not None:
            is_small = max(value.size for value in link.values) < NUMBERS_WORTH_THREADS
            return link if threads == 1 or is_small else None
    return None


def _product(operation: Operation) -> Link | None:
    if not operation.is_product or not operation.outputs:
        return None
    values = *operation.args, *operation.outputs
    product = Product.of(*values)
    if product is None or product.multiplications > MOST_MULTIPLICATIONS:
        return None
    return Link(product, values)


def _copy(operation: Operation) -> Link | None:
    given = [*operation.args, *operation.outputs]
    if operation.name == "clone":
        given.reverse()
    elif operation.name != "copy_":
        return None
    if operation.kwargs or len(given) != 2 or not all(isinstance(one, Value) for one in given):
        return None
    target, source = given
    if source.memory is target.memory or source.dtype != target.dtype or target.dtype not in FLOATS or not target.size:
        return None
    return Link(Broadcast.of([source, target], None), [source, target])


def _sum(operation: Operation) -> Link | None:
    if operation.name != "sum" or len(operation.outputs) != 1:
        return None
    x, axes, _ = sum_arguments(operation)
    [output] = operation.outputs
    if x is None or not x.size or x.dtype not in FLOATS or output.dtype != x.dtype:
        return None
    return Link(Sum.of(x, axes, output), [x, output])


def _broadcast(operation: Operation) -> Link | None:
    form = elementwise(operation)
    if form is None or not can_be_in_loop(form) or not form.output.size:
        return None
    if any(one.memory is form.output.memory and one.place != form.output.place for one in form.values):
        return None
    values = [*form.values, form.output]
    number = {value.place: at for at, value in enumerate(values)}
    return Link(Broadcast.of(values, Form.of(form, lambda value: number[value.place])), values)


def with_chains(operations: Sequence[Operation], threads: int) -> list[Operation]:
    """The same operations, in an order in which those that machine code is made of follow each other."""
    ordered: list[Operation] = []
    chain: list[Operation] = []
    for operation in operations:
        if link_of(operation, threads) is not None:
            chain.append(operation)
        elif is_independent(operation, chain):
            ordered.append(operation)
        else:
            ordered += [*chain, operation]
            chain.clear()
    return ordered + chain


def chain_call(links: Sequence[Link], tensor: Callable[[Value], Tensor], threads: int) -> Call:
    """One call for all of them, by all threads where the only one is shared."""
    places = [tensor(value).data_ptr() for link in links for value in link.values]
    arguments = (ctypes.c_int64 * len(places))(*places)
    pieces = tuple(link.piece for link in links)
    together = parallel() if links[0].is_shared else None
    share = compiled(pieces, shared=together is not None)
    if together is None:
        return functools.partial(share, arguments)
    # All of torch's threads, though some may have nothing to do: those that a smaller team leaves out are ended by
    # GNU's library, and torch's next operation starts others.
    return functools.partial(together, share, arguments, threads, 0)
