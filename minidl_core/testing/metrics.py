"""What every metric must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.metrics import Metric, SummedMetric
from minidl_core.testing.differences import require_identical, require_same
from minidl_core.testing.result import CheckFailed, Skipped, fails_unless
from minidl_core.testing.subject import Subject, sample

N, ROUNDS = 12, (2,)
COLUMNS = (3, 2)
TAKES = ("scores", "probabilities", "values")


class Case(NamedTuple):
    """Predictions that a metric takes, and their targets: rows of a leading shape `[*rounds, N]`."""

    predicted: Tensor
    target: Tensor

    def picked(self, rows: Any) -> Case:
        """Some rows, or in another order, of a case without rounds."""
        return Case(self.predicted[rows], self.target[rows])


def cases(subject: Subject[Metric], *leading: int) -> Iterator[Case]:
    """Of two and of three classes, or targets, where the metric takes so many. Every round has rows of each class."""
    takes = getattr(subject.component_class, "takes", None)
    fails_unless(takes in TAKES, f"it must say what it takes, one of {', '.join(TAKES)}; it says {takes!r}")
    refusals = []
    for columns in COLUMNS:
        predicted = (2 * sample(*leading, columns)).round() / 2  # so that some are equal
        if takes == "values":
            case = Case(predicted, predicted + 0.5 * sample(*leading, columns, seed=1))
        else:
            labels = (torch.arange(leading[-1]) * 7 // 3 % columns).expand(leading).clone()
            case = Case(predicted.softmax(-1) if takes == "probabilities" else predicted, labels)
        try:
            subject.build()(case.predicted.clone(), case.target.clone())
        except ShapeError as error:
            refusals.append(str(error))
            continue
        yield case
    if len(refusals) == len(COLUMNS):
        raise CheckFailed(f"it takes neither two nor three columns; {'; '.join(refusals)}")


def weights(*shape: int) -> Tensor:
    """Sample weights, all above 0 and none alike."""
    return sample(*shape, seed=8).exp()


def behaviour(subject: Subject[Metric]) -> list[Tensor]:
    """All that can be seen of what it does."""
    return [subject.build()(*case, weight) for case in cases(subject, N) for weight in (None, weights(N))]


def it_gives_one_finite_number_a_round(subject: Subject[Metric]) -> None:
    """`[*rounds]` in float64, or `[*rounds, K, K]` where `is_matrix`; each that of the round alone."""
    for case in cases(subject, *ROUNDS, N):
        matrix = (case.predicted.shape[-1],) * 2 if subject.component_class.is_matrix else ()
        expected = (*ROUNDS, *matrix)
        for weight in (None, weights(*ROUNDS, N)):
            found = subject.build()(*case, weight)
            fails_unless(found.shape == expected, f"it gives {list(found.shape)}, not {list(expected)}")
            fails_unless(found.dtype == torch.float64, f"it gives {found.dtype}, not float64")
            fails_unless(bool(found.isfinite().all()), "it is not finite")
            for index in range(ROUNDS[0]):
                alone = subject.build()(
                    case.predicted[index], case.target[index], None if weight is None else weight[index]
                )
                require_same(f"that of round {index}", found[index], alone)
        shared = Case(case.predicted, case.target[0].expand(case.target.shape))
        alone = subject.build()(case.predicted[0], case.target[0])
        require_same("that of a target that all rounds share", subject.build()(*shared)[0], alone)


def the_order_of_rows_does_not_matter(subject: Subject[Metric]) -> None:
    """Nor are predictions, targets or sample weights changed."""
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    for case in cases(subject, N):
        weight = weights(N)
        before = case.predicted.clone(), case.target.clone(), weight.clone()
        found = subject.build()(*case, weight)
        given = zip(("the predictions", "the targets", "the sample weights"), (*case, weight), before, strict=True)
        for what, now, then in given:
            require_identical(what, now, then)
        again = subject.build()(*case.picked(order), weight[order])
        require_same("that of the same rows in another order", again, found)


def shapes_that_differ_are_refused(subject: Subject[Metric]) -> None:
    """Targets and sample weights are never broadcast: any other shape is a ShapeError that says both."""
    for predicted, target in cases(subject, N):
        for wrong in (target[:-1], target[:1], target.unsqueeze(0).expand(3, *target.shape), target.unsqueeze(-1)):
            _require_refused(subject, (predicted, wrong, None), predicted, wrong)
        for weight in (torch.ones(N - 1), torch.ones(1), torch.ones(3, N), torch.ones(N, 1)):
            _require_refused(subject, (predicted, target, weight), weight)


def _require_refused(subject: Subject[Metric], given: tuple[Tensor, Tensor, Tensor | None], *said: Tensor) -> None:
    shapes = [list(one.shape) for one in given if one is not None]
    try:
        subject.build()(*given)
    except ShapeError as error:
        for one in said:
            fails_unless(str(list(one.shape)) in str(error), f"the error for {shapes} does not say {list(one.shape)}")
        return
    except Exception as error:
        raise CheckFailed(f"{shapes} raise {type(error).__name__} and not ShapeError: {error}") from error
    raise CheckFailed(f"predictions, targets and sample weights of shapes {shapes} are not refused")


def a_sample_weight_of_k_is_the_row_k_times(subject: Subject[Metric]) -> None:
    """Without weights each row counts once."""
    times = torch.arange(N) % 3 + 1
    for case in cases(subject, N):
        rows = torch.arange(N).repeat_interleave(times)
        found = subject.build()(*case, times.double())
        require_same(f"that with sample weights {times.tolist()}", found, subject.build()(*case.picked(rows)))
        require_same("that with sample weights of 1", subject.build()(*case, torch.ones(N)), subject.build()(*case))


def a_row_of_weight_0_is_none(subject: Subject[Metric]) -> None:
    """Whatever is in it: NaN, or the greatest of all."""
    kept = torch.arange(N) % 4 != 1
    for case in cases(subject, N):
        weight = weights(N)
        expected = subject.build()(*case.picked(kept), weight[kept])
        for padding in (torch.nan, 1e6, -1e6):
            predicted = case.predicted.masked_fill(~kept.unsqueeze(-1), padding)
            found = subject.build()(predicted, case.target, weight * kept)
            require_same(f"that with rows of weight 0 and predictions of {padding:g}", found, expected)


def sums_of_pieces_are_joined_to_those_of_all_rows(subject: Subject[Metric]) -> None:
    """Of a `SummedMetric`, in any order; one piece is a single row, another weighs nothing."""
    metric = subject.build()
    if not isinstance(metric, SummedMetric):
        raise Skipped("it is not made of sums")
    for case in cases(subject, *ROUNDS, N):
        for weight in (None, weights(*ROUNDS, N)):
            pieces = []
            for start, stop in ((0, 1), (1, 5), (5, N)):
                part = None if weight is None else weight[:, start:stop]
                pieces.append(metric.sums(case.predicted[:, start:stop], case.target[:, start:stop], part))
            nothing = metric.sums(*case, torch.zeros(*ROUNDS, N))
            for one in pieces:
                fails_unless(all(sums.shape[:1] == ROUNDS for sums in one), "its sums are not of each round")
            for order in ((0, 1, 2), (2, 1, 0)):
                joined = nothing
                for index in order:
                    joined = metric.joined(joined, pieces[index])
                found = metric.value(metric.joined(joined, nothing))
                require_same("that of the joined sums of three pieces", found, metric(*case, weight))


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    it_gives_one_finite_number_a_round,
    the_order_of_rows_does_not_matter,
    shapes_that_differ_are_refused,
    a_sample_weight_of_k_is_the_row_k_times,
    a_row_of_weight_0_is_none,
    sums_of_pieces_are_joined_to_those_of_all_rows,
)
