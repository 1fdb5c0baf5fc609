"""A loop over long vectors as an operation, which stands for several: each vector is read and written once."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from minidl_core.training.capture.elementwise import Elementwise, computed_type
from minidl_core.training.capture.instructions import FUNCTIONS
from minidl_core.training.capture.loop_code import loop_code
from minidl_core.training.capture.machine_code import compiled
from minidl_core.training.capture.neighbours import Stretch
from minidl_core.training.capture.numpy_calls import FLOATS
from minidl_core.training.capture.openmp import addresses, parallel
from minidl_core.training.capture.operations import Call, Operation, Value

FEWEST_TO_SHARE = 2**17
"""Numbers, for which several threads are sooner done than one."""


def can_be_in_loop(form: Elementwise) -> bool:
    """Whether a loop has the function, and computes with one type as torch does."""
    numbers = {one.dtype for one in form.values if not one.shape}
    chooses = form.inputs[:1] if form.name == "where" else ()
    return (
        form.name in FUNCTIONS
        and {computed_type(form), *numbers} <= FLOATS.keys()
        and all(isinstance(one, Value) and one.shape and one.dtype == torch.bool for one in chooses)
    )


class Loop(Operation):
    """What several operations compute, for each number.

    Args:
        forms: what is done, in order, on vectors of one length.
        outputs: those of the results that are needed after it, and are made by it.
        changes: those that were there before.
    """

    def __init__(self, forms: Sequence[Elementwise], outputs: Sequence[Value], changes: Sequence[Value]) -> None:
        self.forms = forms
        self.stored = {Stretch.of(value): value for value in (*outputs, *changes)}
        self.read: dict[Stretch, Value] = {}
        """What it needs from before it: vectors and single numbers."""
        made: set[Stretch] = set()
        for form in forms:
            self.read |= {Stretch.of(one): one for one in form.values if Stretch.of(one) not in made}
            made.add(Stretch.of(form.output))
        others = [value for stretch, value in self.read.items() if stretch not in self.stored]
        super().__init__(self.calls, (*changes, *others), {}, tuple(outputs), tuple(changes))
        self.name = "loop"

    def calls(self, tensor: Callable[[Value], Tensor], threads: int) -> list[Call]:
        """What computes it, on as many threads as torch has where that is of use."""
        values = {**self.read, **self.stored}
        size = self.forms[0].output.size
        arguments = (ctypes.c_int64 * (len(values) + 1))(*(tensor(one).data_ptr() for one in values.values()), size)
        together = parallel() if threads > 1 and size >= FEWEST_TO_SHARE else None
        code = loop_code(self.forms, self.read, self.stored, shared=together is not None)
        if together is None:
            return [functools.partial(compiled(code, frozenset()), arguments)]
        # All of torch's threads, though some may have nothing to do: those that a smaller team leaves out are ended by
        # GNU's library, and torch's next operation starts others.
        return [functools.partial(together, compiled(code, addresses()), arguments, threads, 0)]
