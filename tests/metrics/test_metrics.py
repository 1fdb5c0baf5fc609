"""What metrics do at their limits, and what they refuse."""

from __future__ import annotations

import math

import pytest
import sklearn.metrics
import torch
from torch import Tensor

from minidl_core.errors import ArgumentError, ShapeError
from minidl_core.metrics import (
    F1,
    R2,
    Accuracy,
    BalancedAccuracy,
    ConfusionMatrix,
    LogLoss,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    RocAuc,
    SummedMetric,
)

OF_LABELS = [Accuracy(), BalancedAccuracy(), F1(), ConfusionMatrix(), RocAuc(), LogLoss()]
OF_VALUES = [MeanSquaredError(), MeanAbsoluteError(), R2()]
EVERY = [*OF_LABELS, *OF_VALUES]


def sample(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- classes --------------------------------------------------------------------------------------------------


def test_the_first_of_equal_scores_is_predicted() -> None:
    scores = torch.tensor([[0.5, 0.5, 0.1], [0.1, 0.7, 0.7], [0.0, 0.0, 0.0]])
    assert Accuracy()(scores, torch.tensor([0, 1, 0])) == 1
    assert ConfusionMatrix()(scores, torch.tensor([1, 2, 2])).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_the_confusion_matrix_has_true_classes_down_and_predicted_ones_across() -> None:
    scores = torch.eye(3)[[1, 1, 2, 0]]
    found = ConfusionMatrix()(scores, torch.tensor([0, 0, 0, 2]), torch.tensor([1.0, 0.5, 2.0, 4.0]))
    assert found.tolist() == [[0, 1.5, 2], [0, 0, 0], [4, 0, 0]]


def test_classes_that_no_row_has_count_in_no_mean() -> None:
    scores, labels = torch.eye(4)[[0, 1, 1]], torch.tensor([0, 1, 0])
    assert BalancedAccuracy()(scores, labels).item() == pytest.approx((1 / 2 + 1) / 2)
    assert F1()(scores, labels).item() == pytest.approx(2 / 3)
    # A class that is predicted, and that no row has, counts in F1 as in scikit-learn.
    scores = torch.eye(4)[[0, 1, 3]]
    assert F1()(scores, labels).item() == pytest.approx(sklearn.metrics.f1_score([0, 1, 0], [0, 1, 3], average="macro"))


def test_f1_of_a_class_that_is_nowhere_is_0() -> None:
    assert F1("binary")(torch.eye(2)[[0, 0]], torch.tensor([0, 0])) == 0


def test_the_binary_f1_of_three_classes_is_refused_with_what_to_do() -> None:
    with pytest.raises(ShapeError, match=r"two classes, and scores \[4, 3\] .*macro, weighted or micro"):
        F1("binary")(sample(4, 3), torch.zeros(4, dtype=torch.int64))


def test_an_average_that_is_none_is_refused() -> None:
    with pytest.raises(ArgumentError, match="average must be one of macro, weighted, micro, binary"):
        F1("mean")  # type: ignore[arg-type]


# -- probabilities --------------------------------------------------------------------------------------------


def test_probabilities_of_0_and_of_1_cost_what_they_cost_in_sklearn() -> None:
    p = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    assert LogLoss()(p, labels).item() == pytest.approx(sklearn.metrics.log_loss(labels.numpy(), p.numpy()), rel=1e-12)
    assert LogLoss()(p[:1], labels[:1]).item() == pytest.approx(36.04, abs=0.01)
    certain = sklearn.metrics.log_loss([0], p[1:2].numpy(), labels=[0, 1])
    assert certain > 0
    assert LogLoss()(p[1:2], labels[1:2]).item() == pytest.approx(certain, rel=1e-6, abs=0)


def test_equal_probabilities_are_half_right() -> None:
    assert RocAuc()(torch.full((6, 2), 0.5), torch.tensor([0, 1, 1, 0, 0, 0])) == 0.5
    p = torch.tensor([0.2, 0.7, 0.7, 0.9])
    assert RocAuc()(torch.stack([1 - p, p], -1), torch.tensor([0, 0, 1, 1])) == (1 + 0.5 + 1 + 1) / 4


def test_a_round_with_one_class_alone_has_no_area_and_the_others_have_theirs() -> None:
    p = torch.tensor([0.1, 0.6, 0.8]).expand(3, 3)
    labels = torch.tensor([[0, 0, 1], [1, 1, 1], [0, 1, 0]])
    found = RocAuc()(torch.stack([1 - p, p], -1), labels)
    assert found[[0, 2]].tolist() == [1, 0.5]
    assert found[1].isnan()


def test_nan_probabilities_have_no_area_and_no_log_loss() -> None:
    p = torch.tensor([[[0.5, 0.5], [0.2, 0.8]], [[math.nan, math.nan], [0.2, 0.8]]])
    labels = torch.tensor([[0, 1], [0, 1]])
    for metric in RocAuc(), LogLoss():
        assert metric(p, labels).isnan().tolist() == [False, True]


# -- values ---------------------------------------------------------------------------------------------------


# Some of these have a mean that rounding moves away from them: 0.1, 0.3.
@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, -7.0, 1e6 + 0.1])
@pytest.mark.parametrize("rows", [2, 3, 7, 10, 49])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("met", "expected"), [(True, 1.0), (False, 0.0)])
def test_r2_of_a_constant_target_is_1_where_it_is_met_and_0_elsewhere(
    value: float, rows: int, weighted: bool, met: bool, expected: float
) -> None:
    target = torch.full((rows, 1), value, dtype=torch.float64)
    output = target.clone() if met else target + 0.5
    assert R2()(output, target, sample(rows).exp() if weighted else None).item() == expected


def test_one_constant_target_of_several_counts_as_sklearn_counts_it() -> None:
    target = torch.stack([sample(20), torch.ones(20, dtype=torch.float64), torch.full((20,), 2.0)], -1)
    output = target + torch.stack([0.1 * sample(20, seed=1), sample(20, seed=2), torch.zeros(20)], -1)
    expected = sklearn.metrics.r2_score(target.numpy(), output.numpy())
    assert R2()(output, target).item() == pytest.approx(expected, rel=1e-12)


def test_r2_of_the_mean_is_zero() -> None:
    target = sample(30, 1)
    assert R2()(target.mean(0, keepdim=True).expand(30, 1), target).item() == pytest.approx(0, abs=1e-12)


def test_r2_of_one_row_is_none_though_others_weigh_nothing() -> None:
    target = sample(3, 1)
    assert R2()(target[:1], target[:1]).isnan()
    assert R2()(target, target, torch.tensor([0.0, 3.0, 0.0])).isnan()
    assert R2()(target, target, torch.tensor([1.0, 3.0, 0.0])) == 1


# -- pieces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [(), (3,)], ids=str)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_r2_of_pieces_is_that_of_all_rows(rounds: tuple[int, ...], offset: float) -> None:
    target = offset + sample(*rounds, 40, 2)
    output, weight = target + sample(*rounds, 40, 2, seed=1), sample(*rounds, 40, seed=2).exp()
    sizes, metric = [1, 9, 30], R2()
    parts = zip(output.split(sizes, -2), target.split(sizes, -2), weight.split(sizes, -1), strict=True)
    first, second, third = (metric.sums(*part) for part in parts)
    found = metric.value(metric.joined(metric.joined(first, second), third))
    torch.testing.assert_close(found, metric(output, target, weight))


def test_r2_of_constant_pieces_of_the_same_value_is_that_of_a_constant() -> None:
    constant = torch.full((3, 1), 0.1)
    sums = R2().sums(constant, constant)
    assert R2().value(R2().joined(sums, sums)).item() == 1
    moved = R2().sums(constant + 1, constant + 1)
    assert R2().value(R2().joined(sums, moved)).item() == 1
    wrong = R2().sums(constant, constant + 1)
    assert R2().value(R2().joined(sums, wrong)).item() == pytest.approx(1 - 3 / 1.5)


def test_all_but_the_area_are_made_of_sums() -> None:
    assert [metric for metric in EVERY if not isinstance(metric, SummedMetric)] == [OF_LABELS[4]]


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", EVERY, ids=str)
@pytest.mark.parametrize("target", [(4,), (5, 1), (1, 3), (3,), (2, 5), (2, 5, 3)])
def test_a_target_of_another_shape_is_refused_with_both_shapes(metric: Metric, target: tuple[int, ...]) -> None:
    dtype = torch.float64 if metric.takes == "values" else torch.int64
    with pytest.raises(ShapeError) as refused:
        metric(torch.zeros(5, 3), torch.zeros(target, dtype=dtype))
    assert "[5, 3]" in str(refused.value)
    assert str(list(target)) in str(refused.value)


@pytest.mark.parametrize("metric", EVERY, ids=str)
@pytest.mark.parametrize("weight", [(4,), (1,), (5, 1), (2, 5)])
def test_sample_weights_of_another_shape_are_refused_with_both_shapes(metric: Metric, weight: tuple[int, ...]) -> None:
    target = torch.zeros(5, 3) if metric.takes == "values" else torch.zeros(5, dtype=torch.int64)
    with pytest.raises(ShapeError) as refused:
        metric(torch.zeros(5, 3), target, torch.ones(weight))
    assert f"sample_weight {list(weight)}" in str(refused.value)
    assert "[5]" in str(refused.value)


@pytest.mark.parametrize("metric", OF_LABELS, ids=str)
def test_labels_that_are_none_are_refused(metric: Metric) -> None:
    for label, said in (3, "labels from 0 to 3"), (-1, "labels from -1 to 0"):
        with pytest.raises(ShapeError, match=rf"{said}: predictions \[2, 3\] are of the classes 0 to 2"):
            metric(torch.ones(2, 3) / 3, torch.tensor([0, label]))
    with pytest.raises(ShapeError, match=r"integer labels .* of float32"):
        metric(torch.ones(2, 3) / 3, torch.tensor([0.0, 1.0]))
    with pytest.raises(ShapeError, match="at least 2 classes"):
        metric(torch.ones(2, 1), torch.tensor([0, 0]))


@pytest.mark.parametrize("metric", OF_LABELS, ids=str)
def test_what_a_row_of_weight_0_has_as_its_label_does_not_matter(metric: Metric) -> None:
    p, labels = sample(6, 2).softmax(-1), torch.tensor([0, 1, 0, 1, 1, -100])
    weight = torch.tensor([1.0, 2, 3, 1, 1, 0])
    torch.testing.assert_close(metric(p, labels, weight), metric(p[:5], labels[:5], weight[:5]))
