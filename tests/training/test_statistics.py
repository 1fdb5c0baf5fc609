"""Figures over rounds equal those of Python's statistics and of numpy."""

from __future__ import annotations

import json
import math
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minidl_core.training import Statistics

numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(values=numbers)
def test_mean_and_deviation_are_those_of_the_standard_library(values: list[float]) -> None:
    found = Statistics.of(values)
    assert found.mean == pytest.approx(statistics.mean(values), rel=1e-12, abs=1e-9)
    assert found.std == statistics.stdev(values)


@given(values=numbers)
def test_the_deviation_is_that_of_a_sample_with_n_less_one(values: list[float]) -> None:
    assert Statistics.of(values).std == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)


def test_one_round_has_a_mean_and_no_deviation() -> None:
    found = Statistics.of(torch.tensor(0.25))
    assert found.values == (0.25,)
    assert found.mean == 0.25
    assert found.std is None
    assert str(found) == "0.250"
    assert found.to_json() == {"mean": 0.25, "std": None, "values": [0.25]}


def test_several_rounds_are_printed_as_mean_and_deviation() -> None:
    found = Statistics.of(torch.tensor([0.98, 0.99, 1.0], dtype=torch.float64))
    assert str(found) == "0.990 ± 0.010"
    assert found.values == (0.98, 0.99, 1.0)
    assert json.loads(json.dumps(found.to_json())) == {"mean": found.mean, "std": found.std, "values": [0.98, 0.99, 1]}


def test_the_reports_table_is_printed_as_the_report_prints_it() -> None:
    accuracies = [0.98, 0.974, 0.99, 0.975, 0.985, 0.972, 0.981, 0.979, 0.988, 0.976]
    assert str(Statistics.of(accuracies)) == f"{np.mean(accuracies):.3f} ± {np.std(accuracies, ddof=1):.3f}"


@pytest.mark.parametrize("bad", [[math.nan], [math.inf], [-math.inf], [math.inf, -math.inf]])
def test_a_round_that_is_not_finite_shows_and_breaks_nothing(bad: list[float]) -> None:
    found = Statistics.of([0.5, *bad, 0.75])
    assert not math.isfinite(found.mean)
    assert found.std is not None
    assert math.isnan(found.std)
    assert "nan" in str(found)
