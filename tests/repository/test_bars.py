"""What minidl promises of its results: the report's table, and scikit-learn's on real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import minidl_core

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "benchmarks")]

import against_sklearn  # noqa: E402
import digits  # noqa: E402
import report  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_reports_network_reaches_the_reports_table(seed):
    training = report.run(seed)
    assert training.train["accuracy"].mean >= 0.990
    assert training.test is not None
    assert training.test["accuracy"].mean >= 0.980


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 100, 200])
def test_with_a_schedule_the_reports_network_beats_the_reports_table(seed):
    options: dict[str, Any] = {
        "loss": "mse",
        "optimizer": "sgd(lr=0.5)",
        "schedule": "one_cycle",
        "epochs": report.EPOCHS,
        "batch_size": 10,
    }
    training = minidl_core.train(report.NETWORK, "disk(n=1000)", rounds=report.ROUNDS, seed=seed, **options)
    assert training.train["accuracy"].mean >= 0.995
    assert training.test is not None
    assert training.test["accuracy"].mean >= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("table", against_sklearn.TABLES)
def test_real_tables_are_learned_as_well_as_by_scikit_learn(table):
    training, ours, theirs = against_sklearn.compare(table, rounds=5, seed=0)
    assert len(ours.values) == len(theirs.values) == 5
    assert ours.mean >= theirs.mean - (0.02 if training.trained.classes is None else 0.01)


@pytest.mark.slow
def test_the_convolutional_example_tells_digits_apart():
    training = digits.run(digits.NETWORKS["convolutional"], digits.Options(epochs=40, rounds=5, seed=0, picture=None))
    assert training.test is not None
    assert training.test["accuracy"].mean >= 0.985
