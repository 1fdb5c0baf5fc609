"""How the checks of losses use a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.losses import Loss
from minidl_core.testing.result import CheckFailed
from minidl_core.testing.subject import Subject, sample

N, ROUNDS = 5, (2,)
TARGETS = (3, 1)
SCALES = (2.0, 20.0)


class Case(NamedTuple):
    """A loss, outputs `[*, N, F]` that it has a value for, and targets of a kind that it takes."""

    loss: Loss
    output: Tensor
    target: Tensor
    kind: str


def cases(
    subject: Subject[Loss], *leading: int, dtype: torch.dtype = torch.float64, scale: float = SCALES[0]
) -> Iterator[Case]:
    """Several targets and a single one, with as many outputs as the loss needs for them: encoded class labels,
    probabilities and numbers of any sign, where the loss takes them and has a value for them.

    Raises CheckFailed where none is taken.
    """
    refusals = []
    taken = 0
    for targets in TARGETS:
        random = torch.Generator().manual_seed(4)
        labels = torch.randint(max(targets, 2), leading, generator=random)
        outputs = subject.build().outputs_for(targets)
        output = allowed(subject, scale * sample(*leading, outputs, seed=6).to(dtype))
        for kind, made in (
            ("class labels", None),
            ("probabilities", sample(*leading, targets, seed=5).softmax(-1).to(dtype)),
            ("numbers", 2 * sample(*leading, targets, seed=15).to(dtype)),
        ):
            try:
                target = subject.build().encode(labels, outputs, dtype) if made is None else made
                value = subject.build().forward(output.clone(), target.clone())
            except ShapeError as error:
                refusals.append(f"{kind}: {error}")
                continue
            if kind == "numbers" and not value.isfinite().all():
                continue
            taken += 1
            yield Case(subject.build(), output, target, f"{kind} and {outputs} output{'s' * (outputs > 1)}")
    if not taken:
        raise CheckFailed(f"it takes neither class labels nor numbers; {'; '.join(refusals)}")


def allowed(subject: Subject[Loss], output: Tensor) -> Tensor:
    """Outputs that the loss has a value for: those of `Conformance(outputs=...)`, else any."""
    made = subject.conformance.outputs
    if made is None:
        return output
    given: Tensor = made(subject.build(), output)
    return given


def weights(*shape: int) -> Tensor:
    """Sample weights, all above 0 and none alike."""
    return sample(*shape, seed=8).exp()


def gradient(case: Case, sample_weight: Tensor | None = None) -> Tensor:
    """By the loss's own backward."""
    case.loss.forward(case.output, case.target, sample_weight)
    return case.loss.backward()


def behaviour(subject: Subject[Loss]) -> list[Tensor]:
    """All that can be seen of what it does."""
    seen = []
    for case in cases(subject, N):
        seen += [case.loss.forward(case.output, case.target), case.loss.backward()]
    return seen
