"""A loop over vectors as an operation, which stands for several: each vector is read and written once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from minidl_core.training.capture.elementwise import Elementwise, computed_type
from minidl_core.training.capture.instructions import FUNCTIONS
from minidl_core.training.capture.loop_code import Form, LoopCode
from minidl_core.training.capture.neighbours import Stretch
from minidl_core.training.capture.numpy_calls import FLOATS
from minidl_core.training.capture.operations import Operation, Value


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
        stored = {Stretch.of(value): value for value in (*outputs, *changes)}
        read: dict[Stretch, Value] = {}
        made: set[Stretch] = set()
        for form in forms:
            read |= {Stretch.of(one): one for one in form.values if Stretch.of(one) not in made}
            made.add(Stretch.of(form.output))
        others = [value for stretch, value in read.items() if stretch not in stored]

        def loop() -> None:
            raise NotImplementedError("only as machine code")

        super().__init__(loop, (*changes, *others), {}, tuple(outputs), tuple(changes))
        values = read | stored | {Stretch.of(form.output): form.output for form in forms}
        number = {stretch: at for at, stretch in enumerate(values)}
        size = forms[0].output.size
        self.code = LoopCode(
            size,
            tuple(value.dtype for value in values.values()),
            frozenset(number[one] for one, value in values.items() if not value.shape and size > 1),
            tuple(number[one] for one in read),
            tuple(number[one] for one in stored),
            tuple(Form.of(form, lambda value: number[Stretch.of(value)]) for form in forms),
        )
        self.values = list((read | stored).values())
        """What it is given the places of."""
