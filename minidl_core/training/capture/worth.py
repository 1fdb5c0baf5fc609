"""When machine code is worth the time that it takes to make, and the memory of what makes it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from minidl_core.training.capture.chains import link_of
from minidl_core.training.capture.elementwise import elementwise
from minidl_core.training.capture.operations import Operation

SAVED_BY_CALL, SAVED_BY_NUMBER, SAVED_NEAR = 1e-6, 1e-10, 4e-10
"""Seconds that machine code saves for each operation, for each number that it makes, and for each of the first
`NEAR` beside that, about."""
NEAR = 2**16
"""Numbers that a core's own cache holds; with more, memory sets the pace."""
MULTIPLICATION = 2e-11
"""Seconds of one in a large product of matrices, on one thread, about."""
FEWEST_SAVED = 1 / 8
"""Of a step, for which machine code is worth the memory that LLVM takes, some 70 MiB."""
OPERATIONS_OF_UPDATE = 9
"""On all parameters, about as many as Adam has; those of an update are not known when the gradients are recorded."""
MAKING = 1e-3
"""Seconds charged for each operation, a part of the 5 to 10 ms that it takes to make, so that a longer training gains
most of what it can, and one which ends soon after has lost little."""
MOST_OPERATIONS = 256
"""Of which machine code is made, in a second or two; where there are more the training would seem to stand still."""


@dataclass(frozen=True)
class Gain:
    """Seconds of a step that machine code saves, and that products take with it or without, about."""

    saved: float = 0.0
    products: float = 0.0

    @classmethod
    def of(cls, operations: Iterable[Operation], threads: int) -> Gain:
        saved = multiplications = 0.0
        for one in operations:
            if elementwise(one) is not None or link_of(one, threads) is not None:
                saved += _saved(one)
            elif one.is_product and one.outputs:
                multiplications += one.outputs[0].size * one.args[0].shape[-1]
            elif one.name in ("addmm", "baddbmm"):  # a bias and a product
                multiplications += one.outputs[0].size * one.args[1].shape[-1]
        return cls(saved, multiplications * MULTIPLICATION / threads)

    @classmethod
    def of_update(cls, parameters: int) -> Gain:
        """Of an optimizer's step, by the number of parameters."""
        return cls(OPERATIONS_OF_UPDATE * _saved_of(parameters))

    def __add__(self, other: Gain) -> Gain:
        return Gain(self.saved + other.saved, self.products + other.products)

    @property
    def is_worth_memory(self) -> bool:
        return self.saved >= FEWEST_SAVED * (self.saved + self.products)


def runs_until_worth(operations: Iterable[Operation], threads: int) -> int | None:
    """After how many runs machine code of operations is worth what it takes to make; None where there is none."""
    linked = [one for one in operations if link_of(one, threads) is not None]
    saved = sum(_saved(one) for one in linked)
    return math.ceil(MAKING * len(linked) / saved) if 0 < len(linked) <= MOST_OPERATIONS else None


def _saved(operation: Operation) -> float:
    return _saved_of(sum(value.size for value in operation.writes))


def _saved_of(numbers: int) -> float:
    return SAVED_BY_CALL + SAVED_BY_NUMBER * numbers + SAVED_NEAR * min(numbers, NEAR)
