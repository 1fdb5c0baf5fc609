"""Standardization equals scikit-learn's StandardScaler, in every round, and is undone exactly enough."""

from __future__ import annotations

import functools
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from minidl_core.data.standardization import Moments, Standardization


def sample(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40), scale=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3))
def test_columns_are_scaled_as_sklearn_does(seed: int, rows: int, scale: float, offset: float) -> None:
    values = scale * sample(rows, 3, seed=seed) + offset
    scaler = StandardScaler().fit(values.numpy())
    standardization = Standardization.fit(values)
    other = sample(7, 3, seed=seed + 1)
    # Both round values of the offset's size, of which little is left where they hardly differ: seed 255, 2 rows of 408.
    tolerance = 1e-8 + 8 * torch.finfo(torch.float64).eps * (values.abs().amax() / standardization.std.min()).item()
    for given_values in values, other:
        expected = torch.from_numpy(scaler.transform(given_values.numpy()))
        torch.testing.assert_close(standardization.apply(given_values), expected, rtol=tolerance, atol=tolerance)


def test_each_round_is_scaled_by_its_own_mean_and_deviation() -> None:
    values = sample(4, 30, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.arange(4.0).reshape(4, 1, 1)
    standardization = Standardization.fit(values)
    assert standardization.mean.shape == standardization.std.shape == (4, 1, 3)
    found = standardization.apply(values)
    for r in range(4):
        expected = torch.from_numpy(StandardScaler().fit_transform(values[r].numpy()))
        torch.testing.assert_close(found[r], expected, rtol=1e-10, atol=1e-10)


def test_one_table_is_scaled_for_each_round_in_turn() -> None:
    standardization = Standardization.fit(sample(4, 30, 3))
    table = sample(6, 3, seed=1)
    found = standardization.apply(table)
    assert found.shape == (4, 6, 3)
    for r in range(4):
        torch.testing.assert_close(found[r], (table - standardization.mean[r]) / standardization.std[r])


# Of some of these the plain mean is rounded away from them.
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -0.3, 1e-9, 123456.789, 1e15 / 3])
@pytest.mark.parametrize("rows", [1, 3, 7, 49, 1000])
def test_a_constant_column_becomes_zero_as_in_sklearn(value: float, rows: int) -> None:
    values = torch.full((rows, 1), value, dtype=torch.float64)
    standardization = Standardization.fit(values)
    assert standardization.std.item() == 1
    expected = torch.from_numpy(StandardScaler().fit_transform(values.numpy()))
    torch.testing.assert_close(standardization.apply(values), expected, rtol=0, atol=1e-9 * max(abs(value), 1))


@pytest.mark.parametrize("value", [1.0, -0.3, 1e15 / 3])
def test_a_column_that_differs_in_its_last_bit_alone_is_constant_as_in_sklearn(value: float) -> None:
    values = torch.full((50, 1), value, dtype=torch.float64)
    values[::2] = math.nextafter(value, math.inf)
    assert StandardScaler().fit(values.numpy()).scale_.item() == 1
    assert Standardization.fit(values).std.item() == 1


def test_a_column_constant_in_one_round_alone_is_scaled_in_the_others() -> None:
    values = sample(2, 30, 1)
    values[0] = 0.7
    standardization = Standardization.fit(values)
    assert standardization.std[0].item() == 1
    assert standardization.std[1].item() == pytest.approx(values[1].std(correction=0).item(), rel=1e-12)


def test_a_small_deviation_beside_a_large_mean_is_scaled_still() -> None:
    values = sample(200, 1) + 1e7
    torch.testing.assert_close(Standardization.fit(values).apply(values).std(correction=0).item(), 1.0)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_values_whose_squares_leave_the_range_are_scaled_still(scale: float) -> None:
    values = sample(200, 1)
    expected = Standardization.fit(values).apply(values)
    torch.testing.assert_close(Standardization.fit(scale * values).apply(scale * values), expected)


@pytest.mark.parametrize("rounds", [(), (4,)], ids=str)
def test_reverting_gives_the_values_back(rounds: tuple[int, ...]) -> None:
    values = 100 * sample(*rounds, 30, 2) + 5
    standardization = Standardization.fit(values)
    torch.testing.assert_close(standardization.revert(standardization.apply(values)), values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rounds", [(), (4,)], ids=str)
def test_through_json_not_a_bit_is_lost(rounds: tuple[int, ...]) -> None:
    standardization = Standardization.fit(sample(*rounds, 30, 2))
    again = Standardization.from_json(json.loads(json.dumps(standardization.to_json())), 2, rounds)
    assert torch.equal(again.mean, standardization.mean)
    assert torch.equal(again.std, standardization.std)


def test_the_values_are_left_as_they_were() -> None:
    values = sample(30, 2)
    before = values.clone()
    Standardization.fit(values).apply(values)
    assert torch.equal(values, before)


def joined(values: Tensor, *sizes: int) -> Moments:
    parts = [Moments.of(part) for part in torch.split(values, sizes, -2)]
    return functools.reduce(Moments.joined, parts)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    scale=st.sampled_from([1e-300, 1e-160, 1e-3, 1.0, 1e3, 1e160, 1e300]),
    offset=st.floats(-1e3, 1e3),
)
def test_moments_of_parts_join_to_those_of_the_whole(seed: int, sizes: list[int], scale: float, offset: float) -> None:
    values = scale * (sample(2, sum(sizes), 3, seed=seed) + offset)
    found, whole = joined(values, *sizes), Moments.of(values)
    assert found.rows == whole.rows
    torch.testing.assert_close(found.mean / scale, whole.mean / scale, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.std / scale, whole.std / scale, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -0.3, 1e-9, 123456.789, 1e15 / 3])
def test_a_column_constant_in_all_parts_is_constant_and_one_of_two_constants_is_not(value: float) -> None:
    values = torch.full((1000, 1), value, dtype=torch.float64)
    assert Standardization.of(joined(values, 3, 7, 490, 500)).std.item() == 1
    step = max(1.0, abs(value))
    values[500:] = value + step
    found = Standardization.of(joined(values, 500, 500))
    assert found.std.item() == pytest.approx(step / 2, rel=1e-9)
    assert found.mean.item() == pytest.approx(value + step / 2, rel=1e-12)


def test_moments_of_many_parts_beside_a_large_mean_lose_nothing() -> None:
    values = sample(20_000, 1) + 1e7
    found, whole = joined(values, *[20] * 1000), Moments.of(values)
    assert found.std.item() == pytest.approx(whole.std.item(), rel=1e-9)
