"""Every core metric equals scikit-learn's, in every round, with and without sample weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core.metrics import Metric
from minidl_core.plugins import registry


def class_metric(of: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A function of scikit-learn's on predicted classes, as one on scores and labels."""
    return lambda y, t, w: of(t, y.argmax(-1), sample_weight=w, **options)


def roc_auc(y: np.ndarray, t: np.ndarray, w: np.ndarray | None) -> float:
    """Of two classes that of class 1, else one against the rest; the mean over the classes that are there."""
    present = [c for c in range(y.shape[-1]) if 0 < (t == c).sum() < len(t)]
    chosen = [c for c in present if y.shape[-1] > 2 or c == 1]
    areas = [sklearn.metrics.roc_auc_score(t == c, y[:, c], sample_weight=w) for c in chosen]
    return float(np.mean(areas)) if areas else math.nan


def of_classes(of: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A function of scikit-learn's that must be told how many classes there are."""
    return lambda y, t, w: of(t, y.argmax(-1), labels=range(y.shape[-1]), sample_weight=w, **options)


def values(of: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, t, w: of(t, y, sample_weight=w)


f1 = sklearn.metrics.f1_score
CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "accuracy": class_metric(sklearn.metrics.accuracy_score),
    "balanced_accuracy": class_metric(sklearn.metrics.balanced_accuracy_score),
    "f1": class_metric(f1, average="macro"),
    'f1(average="weighted")': class_metric(f1, average="weighted"),
    'f1(average="micro")': class_metric(f1, average="micro"),
    'f1(average="binary")': class_metric(f1, average="binary"),
    "confusion_matrix": of_classes(sklearn.metrics.confusion_matrix),
    "roc_auc": roc_auc,
    "log_loss": lambda y, t, w: sklearn.metrics.log_loss(t, y, labels=range(y.shape[-1]), sample_weight=w),
    "mse": values(sklearn.metrics.mean_squared_error),
    "mae": values(sklearn.metrics.mean_absolute_error),
    "r2": values(sklearn.metrics.r2_score),
}
OF_VALUES = ("mse", "mae", "r2")
OF_LABELS = [spec for spec in CASES if spec not in OF_VALUES]


class Sample(NamedTuple):
    """Rows `[*rounds, N, ...]` with whole weights, some of them 0."""

    predicted: Tensor
    target: Tensor
    weight: Tensor


def sample(spec: str, *leading: int, columns: int, seed: int, weights_from: int = 0) -> Sample:
    """Scores of few values, so that there are ties, and labels of which some may be absent."""
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randint(4, (*leading, columns), generator=draw).double()
    weight = torch.randint(weights_from, 4, leading, generator=draw).double()
    if Metric.of(spec).takes == "values":
        target = torch.randn(*leading, columns, generator=draw, dtype=torch.float64)
        return Sample(target + scores - 1.5, target, weight)
    labels = torch.randint(int(torch.randint(1, columns + 1, (), generator=draw)), leading, generator=draw)
    if Metric.of(spec).takes == "probabilities":
        total = scores.sum(-1, keepdim=True)
        scores = torch.where(total > 0, scores / total, 1 / columns)
    return Sample(scores, labels, weight)


def expected(spec: str, one: Sample, weighted: bool) -> Any:
    """What scikit-learn gives for the rows that weigh something."""
    rows = (one.weight > 0) if weighted else torch.ones_like(one.weight, dtype=torch.bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says so where a class is absent, or there is one row alone
        return CASES[spec](
            one.predicted[rows].numpy(), one.target[rows].numpy(), one.weight[rows].numpy() if weighted else None
        )


def require_equal(found: Tensor, wanted: Any) -> None:
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10, atol=1e-12, equal_nan=True)


def test_every_core_metric_has_a_case() -> None:
    named = {spec.partition("(")[0] for spec in CASES}
    assert {one.name for one in registry().components("metric", plugin="core")} == named


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("spec", CASES)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 12), columns=st.integers(2, 5))
def test_it_equals_sklearns(spec: str, weighted: bool, seed: int, n: int, columns: int) -> None:
    one = sample(spec, n, columns=2 if "binary" in spec else columns, seed=seed)
    assume(not weighted or one.weight.any())
    found = Metric.of(spec)(one.predicted, one.target, one.weight if weighted else None)
    require_equal(found, expected(spec, one, weighted))


@pytest.mark.parametrize("rounds", [(3,), (2, 3)], ids=str)
@pytest.mark.parametrize("spec", CASES)
def test_every_round_equals_sklearns(spec: str, rounds: tuple[int, ...]) -> None:
    many = sample(spec, *rounds, 20, columns=2 if "binary" in spec else 4, seed=3, weights_from=1)
    found = Metric.of(spec)(*many)
    for index in product(*map(range, rounds)):
        require_equal(found[index], expected(spec, Sample(*(one[index] for one in many)), weighted=True))


@pytest.mark.parametrize("spec", OF_LABELS)
def test_rows_of_one_class_alone_are_as_in_sklearn(spec: str) -> None:
    some = sample(spec, 10, columns=2, seed=0)
    for label in 0, 1:
        one = some._replace(target=torch.full((10,), label))
        require_equal(Metric.of(spec)(one.predicted, one.target), expected(spec, one, weighted=False))


@pytest.mark.parametrize("spec", CASES)
def test_float32_predictions_are_measured_in_float64(spec: str) -> None:
    predicted, target, _ = sample(spec, 2000, columns=2, seed=1)
    if spec in OF_VALUES:
        predicted, target = predicted + 1e4, target + 1e4
    found = Metric.of(spec)(predicted.float(), target)
    assert found.dtype == torch.float64
    require_equal(found, expected(spec, Sample(predicted.float().double(), target, torch.ones(2000)), weighted=False))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool])
@pytest.mark.parametrize("spec", OF_LABELS)
def test_labels_of_every_integer_type_are_alike(spec: str, dtype: torch.dtype) -> None:
    predicted, target, _ = sample(spec, 30, columns=2, seed=5)
    require_equal(Metric.of(spec)(predicted, target.to(dtype)), Metric.of(spec)(predicted, target).numpy())


def test_f1_of_two_classes_equals_the_mean_over_them_only_in_the_macro_average() -> None:
    # So that a test which compares averages with each other cannot pass by all of them being one.
    one = sample("f1", 40, columns=2, seed=2)
    found = {spec: Metric.of(spec)(one.predicted, one.target).item() for spec in CASES if spec.startswith("f1")}
    assert len({round(value, 12) for value in found.values()}) == 4
