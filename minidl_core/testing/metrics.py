"""What every metric must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.metrics import Metric
from minidl_core.testing.differences import require_identical, require_same
from minidl_core.testing.result import CheckFailed, fails_unless
from minidl_core.testing.subject import Subject, sample

N, OUTPUTS, ROUNDS = 12, 3, (3,)


def cases(subject: Subject[Metric], *leading: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs with labels, and with numbers of their own shape, where the metric takes them."""
    output = sample(*leading, OUTPUTS)
    labels = torch.randint(OUTPUTS, leading, generator=torch.Generator().manual_seed(1))
    taken = 0
    for target in (labels, sample(*leading, OUTPUTS, seed=1)):
        try:
            subject.build()(output.clone(), target.clone())
        except ShapeError:
            continue
        taken += 1
        yield output, target
    if not taken:
        raise CheckFailed("it takes neither labels nor numbers of the outputs' shape")


def it_gives_one_finite_number_a_round(subject: Subject[Metric]) -> None:
    """`[*rounds]`, each that of the round alone."""
    for output, target in cases(subject, *ROUNDS, N):
        found = subject.build()(output, target)
        fails_unless(found.shape == ROUNDS, f"it gives {list(found.shape)} for {ROUNDS[0]} rounds")
        fails_unless(bool(found.isfinite().all()), "it is not finite")
        for index in range(ROUNDS[0]):
            require_same(f"that of round {index}", found[index], subject.build()(output[index], target[index]))


def the_order_of_rows_does_not_matter(subject: Subject[Metric]) -> None:
    """Nor are outputs or targets changed."""
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    for output, target in cases(subject, N):
        before = output.clone(), target.clone()
        found = subject.build()(output, target)
        require_identical("the output", output, before[0])
        require_identical("the target", target, before[1])
        require_same("that of the same rows in another order", subject.build()(output[order], target[order]), found)


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    it_gives_one_finite_number_a_round,
    the_order_of_rows_does_not_matter,
)
