"""Metrics equal scikit-learn's, in every round."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.metrics import R2, Accuracy, Metric, SquareSums
from minidl_core.plugins import registry

CASES: dict[str, Callable[..., float]] = {"accuracy": sklearn.metrics.accuracy_score, "r2": sklearn.metrics.r2_score}


def sample(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(*shape: int, classes: int, seed: int = 1) -> Tensor:
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(seed))


def test_every_core_metric_has_a_case() -> None:
    assert {one.name for one in registry().components("metric", plugin="core")} == set(CASES)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("rounds", [(), (4,), (2, 3)], ids=str)
def test_accuracy_equals_sklearns(classes: int, rounds: tuple[int, ...]) -> None:
    output, target = sample(*rounds, 50, classes), labels(*rounds, 50, classes=classes)
    found = Accuracy()(output, target)
    assert found.shape == rounds
    one_hot = torch.nn.functional.one_hot(target, classes).double()
    assert torch.equal(Accuracy()(output, one_hot), found)
    pairs = zip(output.reshape(-1, 50, classes), target.reshape(-1, 50), strict=True)
    expected = [sklearn.metrics.accuracy_score(t.numpy(), y.argmax(-1).numpy()) for y, t in pairs]
    assert found.reshape(-1).tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("threshold", [0.5, 0.0, -1.0])
@pytest.mark.parametrize("rounds", [(), (4,)], ids=str)
def test_a_single_output_is_class_1_above_the_threshold(threshold: float, rounds: tuple[int, ...]) -> None:
    output, target = sample(*rounds, 50, 1), labels(*rounds, 50, classes=2)
    found = Accuracy(threshold)(output, target)
    pairs = zip(output.reshape(-1, 50), target.reshape(-1, 50), strict=True)
    expected = [sklearn.metrics.accuracy_score(t.numpy(), y.numpy() > threshold) for y, t in pairs]
    assert found.reshape(-1).tolist() == pytest.approx(expected, abs=1e-15)


def test_an_output_on_the_threshold_is_class_0() -> None:
    assert Accuracy()(torch.tensor([[0.5]]), torch.tensor([0])) == 1


def test_a_single_outputs_targets_of_its_shape_are_0_and_1_whatever_the_threshold() -> None:
    # A loss on logits decides at 0, and its targets are 0 and 1 still.
    output, target = torch.tensor([[-0.1], [0.2], [0.3]]), torch.tensor([[0.0], [1.0], [0.0]])
    assert Accuracy(0.0)(output, target) == pytest.approx(2 / 3)
    assert Accuracy(5.0)(10 * output, target) == pytest.approx(2 / 3)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 30), outputs=st.integers(1, 4), offset=st.floats(-100, 100))
def test_r2_equals_sklearns(seed: int, rows: int, outputs: int, offset: float) -> None:
    target = sample(rows, outputs, seed=seed) + offset
    output = target + sample(rows, outputs, seed=seed + 1)
    expected = sklearn.metrics.r2_score(target.numpy(), output.numpy(), multioutput="uniform_average")
    assert R2()(output, target).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("rounds", [(3,), (2, 3)], ids=str)
def test_r2_of_each_round_equals_sklearns(rounds: tuple[int, ...]) -> None:
    target = sample(*rounds, 20, 2)
    output = target + 0.3 * sample(*rounds, 20, 2, seed=1)
    found = R2()(output, target)
    assert found.shape == rounds
    pairs = zip(target.reshape(-1, 20, 2), output.reshape(-1, 20, 2), strict=True)
    expected = [sklearn.metrics.r2_score(t.numpy(), y.numpy()) for t, y in pairs]
    assert found.reshape(-1).tolist() == pytest.approx(expected, rel=1e-12)


# Some of these have a mean that rounding moves away from them: 0.1, 0.3.
@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, -7.0, 1e6 + 0.1])
@pytest.mark.parametrize("rows", [1, 2, 3, 7, 10, 49])
@pytest.mark.parametrize(("met", "expected"), [(True, 1.0), (False, 0.0)])
def test_r2_of_a_constant_target_is_1_where_it_is_met_and_0_elsewhere(
    value: float, rows: int, met: bool, expected: float
) -> None:
    target = torch.full((rows, 1), value, dtype=torch.float64)
    output = target.clone() if met else target + 0.5
    assert R2()(output, target).item() == expected


def test_one_constant_target_of_several_counts_as_sklearn_counts_it() -> None:
    target = torch.stack([sample(20), torch.ones(20, dtype=torch.float64), torch.full((20,), 2.0)], -1)
    output = target + torch.stack([0.1 * sample(20, seed=1), sample(20, seed=2), torch.zeros(20)], -1)
    expected = sklearn.metrics.r2_score(target.numpy(), output.numpy())
    assert R2()(output, target).item() == pytest.approx(expected, rel=1e-12)


def test_r2_of_the_mean_is_zero() -> None:
    target = sample(30, 1)
    assert R2()(target.mean(0, keepdim=True).expand(30, 1), target).item() == pytest.approx(0, abs=1e-12)


def test_float32_outputs_are_measured_in_float64() -> None:
    target = sample(1000, 1) + 1e4
    output = (target + 1e-2 * sample(1000, 1, seed=1)).float()
    expected = sklearn.metrics.r2_score(target.numpy(), output.double().numpy())
    assert R2()(output, target).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", [Accuracy(), R2()], ids=str)
@pytest.mark.parametrize("target", [(4,), (5, 1), (1, 3), (3,), (2, 5), (2, 5, 3)])
def test_a_target_of_another_shape_is_refused_with_both_shapes(metric: Metric, target: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as refused:
        metric(torch.zeros(5, 3), torch.zeros(target))
    assert "[5, 3]" in str(refused.value)
    assert str(list(target)) in str(refused.value)


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold must be a finite number"):
        Accuracy(math.nan)


@pytest.mark.parametrize("rounds", [(), (3,)], ids=str)
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_r2_of_pieces_is_that_of_all_rows(rounds: tuple[int, ...], offset: float) -> None:
    draw = torch.Generator().manual_seed(0)
    target = offset + torch.randn(*rounds, 40, 2, dtype=torch.float64, generator=draw)
    output = target + torch.randn(*rounds, 40, 2, dtype=torch.float64, generator=draw)
    pieces = [
        SquareSums.of(y, t) for y, t in zip(output.split([1, 9, 30], -2), target.split([1, 9, 30], -2), strict=True)
    ]
    torch.testing.assert_close(pieces[0].joined(pieces[1]).joined(pieces[2]).r2(), R2()(output, target))
    constant = SquareSums.of(torch.full((3, 1), 0.1), torch.full((3, 1), 0.1))
    assert constant.joined(constant).r2().item() == 1
