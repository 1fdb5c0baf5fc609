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

N, ROUNDS = 12, (2,)
OUTPUTS = (3, 1)


def cases(subject: Subject[Metric], *leading: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Several outputs and a single one, with labels and with numbers of their shape, where the metric takes them."""
    taken = 0
    for outputs in OUTPUTS:
        output = sample(*leading, outputs)
        labels = torch.randint(max(outputs, 2), leading, generator=torch.Generator().manual_seed(1))
        for target in (labels, sample(*leading, outputs, seed=1)):
            try:
                subject.build()(output.clone(), target.clone())
            except ShapeError:
                continue
            taken += 1
            yield output, target
    if not taken:
        raise CheckFailed("it takes neither labels nor numbers of the outputs' shape")


def behaviour(subject: Subject[Metric]) -> list[Tensor]:
    """All that can be seen of what it does."""
    return [subject.build()(output, target) for output, target in cases(subject, N)]


def it_gives_one_finite_number_a_round(subject: Subject[Metric]) -> None:
    """`[*rounds]`, each that of the round alone."""
    for output, target in cases(subject, *ROUNDS, N):
        found = subject.build()(output, target)
        fails_unless(found.shape == ROUNDS, f"it gives {list(found.shape)} for {ROUNDS[0]} rounds")
        fails_unless(bool(found.isfinite().all()), "it is not finite")
        for index in range(ROUNDS[0]):
            require_same(f"that of round {index}", found[index], subject.build()(output[index], target[index]))
        rows = target[0].expand(target.shape)
        require_same("that of a target that all rounds share", subject.build()(output, rows)[0], found[0])
    for output, target in cases(subject, 1):
        fails_unless(bool(subject.build()(output, target).isfinite().all()), "it is not finite for a single row")


def the_order_of_rows_does_not_matter(subject: Subject[Metric]) -> None:
    """Nor are outputs or targets changed; targets of other shapes are refused."""
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    for output, target in cases(subject, N):
        before = output.clone(), target.clone()
        found = subject.build()(output, target)
        require_identical("the output", output, before[0])
        require_identical("the target", target, before[1])
        require_same("that of the same rows in another order", subject.build()(output[order], target[order]), found)
        for wrong in (target[:-1], target.unsqueeze(0).expand(3, *target.shape)):
            try:
                subject.build()(output, wrong)
            except ShapeError:
                continue
            raise CheckFailed(f"a target {list(wrong.shape)} for outputs {list(output.shape)} is not refused")


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    it_gives_one_finite_number_a_round,
    the_order_of_rows_does_not_matter,
)
