"""A recording made ready to run: a list of bare calls on memory that is there already."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from minidl_core.training.capture.bias import with_bias_in_product
from minidl_core.training.capture.blocks import Group, grouped
from minidl_core.training.capture.chains import Link, chain_call, link_of, with_chains
from minidl_core.training.capture.columns import by_columns
from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.loop import Loop
from minidl_core.training.capture.loops import with_loops
from minidl_core.training.capture.machine_code import is_available
from minidl_core.training.capture.memory import Layout
from minidl_core.training.capture.numpy_calls import (
    Array,
    Scratch,
    array_of,
    copy_call,
    elementwise_calls,
    product_call,
    sum_calls,
    takes_copy,
    takes_elementwise,
    takes_product,
)
from minidl_core.training.capture.operations import Call, Operation, Value, replaced
from minidl_core.training.capture.passes import with_fewer_passes
from minidl_core.training.capture.simplify import constants, with_factors_joined, with_results_in_place, without_dead
from minidl_core.training.capture.torch_calls import elementwise_call, torch_calls
from minidl_core.training.capture.worth import Gain, runs_until_worth


class Program:
    """What a recording does, again: `run()`.

    Args:
        operations: as they were recorded.
        wanted: values that are read after a run.
        device: where they are.
        threads: with how many torch computes.
        numpy: whether NumPy may do what it does sooner, where the device is the CPU.
        compiled: whether machine code is made of all that it can be made of; else of long vectors alone.
        beside: the gain of the rest of a step, by which machine code may be worth its memory or not.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        wanted: Iterable[Value],
        device: torch.device,
        threads: int,
        numpy: bool = True,
        compiled: bool = False,
        beside: Gain | None = None,
    ) -> None:
        wanted = list(wanted)
        self.is_on_device = all(
            value.memory.outside is None or value.memory.outside.device == device
            for operation in operations
            for value in (*operation.arguments, *operation.writes)
        )
        """Whether it has nothing to do with memory elsewhere, which a CUDA graph would not read or write again."""
        self._in_numpy, self._threads = device.type == "cpu" and numpy, threads
        self._is_compiled = compiled
        self.gain = Gain()
        """By machine code, whether it is made or not."""
        self.runs_until_compiled: int | None = None
        """After how many runs machine code of all is worth what it takes to make; None where there is none to make."""
        operations = with_factors_joined(without_dead(with_results_in_place(operations), wanted))
        once, always = constants(operations)
        _make(once, device)
        always = with_bias_in_product(always, threads, self._in_numpy)
        if self._in_numpy:
            always = by_columns(always, wanted, threads)
            self.gain = Gain.of(always, threads)
            if is_available() and (self.gain + (beside or Gain())).is_worth_memory:
                self.runs_until_compiled = None if compiled else runs_until_worth(always, threads)
                always = with_loops(always, wanted, short=compiled)
                always = with_chains(always, threads) if compiled else always
            else:
                always = with_fewer_passes(always, threads)
        groups = grouped(always, threads) if self._in_numpy else [Group((operation,)) for operation in always]
        self._scratch: Scratch = {}
        self._layout = Layout(groups, wanted, device)
        self.operations = always
        self.written = self._outside(always)
        """Memory from outside that a run changes."""
        self.calls: list[Call] = list(self._all_calls(groups))
        self._layout.spoil()

    def run(self) -> None:
        for call in self.calls:
            call()

    def tensor(self, value: Value) -> Tensor:
        """Where a value is after a run."""
        return self._layout.tensor(value)

    @property
    def bytes(self) -> int:
        """What it needs beside memory from outside."""
        return self._layout.size

    def _outside(self, operations: Iterable[Operation]) -> list[Tensor]:
        values = {
            value.place: value
            for operation in operations
            for value in operation.writes
            if value.memory.outside is not None and not value.memory.is_ours
        }
        return [self._layout.tensor(value) for value in values.values()]

    def _all_calls(self, groups: Iterable[Group]) -> Iterator[Call]:
        """Those of all groups, where neighbours that machine code is made of are one."""
        chain: list[Link] = []

        def call_of_chain() -> Iterator[Call]:
            if chain:
                yield chain_call(chain, self._layout.tensor, self._threads)
            chain.clear()

        for group in groups:
            link = self._link(group)
            if link is None or link.is_shared:
                yield from call_of_chain()
            if link is None:
                yield from self._group_calls(group)
            elif link.is_shared:
                yield chain_call([link], self._layout.tensor, self._threads)
            else:
                chain.append(link)
        yield from call_of_chain()

    def _link(self, group: Group) -> Link | None:
        [operation, *others] = group.operations
        if others or not (self._is_compiled or isinstance(operation, Loop)):
            return None
        return link_of(operation, self._threads)

    def _group_calls(self, group: Group) -> list[Call]:
        if not group.length:
            [operation] = group.operations
            return self._calls(operation, self._layout.tensor)
        calls = []
        for block in group.blocks():
            for operation in group.operations:
                calls += self._calls(operation, functools.partial(self._layout.part, block=block))
        return calls

    def _calls(self, operation: Operation, tensor: Callable[[Value], Tensor]) -> list[Call]:
        """The fastest calls for an operation."""

        def array(value: Value) -> Array:
            return array_of(tensor(value))

        form = elementwise(operation)
        if form is not None:
            if self._in_numpy and takes_elementwise(form, self._threads):
                return elementwise_calls(form, array, self._scratch)
            return [elementwise_call(form, tensor)]
        calls: list[Call] | None = None
        if self._in_numpy and operation.is_product:
            (left, right), [output] = operation.args, operation.outputs
            if takes_product(left, right, output, self._threads):
                calls = [product_call(left, right, output, array)]
        elif self._in_numpy and operation.name == "copy_" and len(operation.args) == 2 and takes_copy(*operation.args):
            target, source = operation.args
            calls = [copy_call(target, source, array)]
        elif self._in_numpy and operation.name == "sum":
            calls = sum_calls(operation, array, self._threads)
        return torch_calls(operation, tensor) if calls is None else calls


def _make(operations: Iterable[Operation], device: torch.device) -> None:
    """Do what gives the same numbers in each run, so that they are there from now on."""

    def tensor(value: Value) -> Tensor:
        if value.memory.outside is None:  # of which the shape alone is taken
            return torch.empty_strided(value.shape, value.stride, dtype=value.dtype, device=device)
        return value.tensor_outside()

    for operation in operations:
        results: list[Tensor] = []
        args, kwargs = replaced((operation.args, operation.kwargs), Value, tensor)
        replaced(operation.function(*args, **kwargs), Tensor, results.append)
        for output, result in zip(operation.outputs, results, strict=True):
            output.memory.outside = result
