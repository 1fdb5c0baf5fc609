"""Several numeric targets: measured, predicted and kept in their columns' units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from needs import needs
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from minidl_core.errors import DataError, RequestError
from minidl_core.runs import train
from minidl_core.training import load_model, save_model

MODEL = "linear(_,6)-tanh-linear(6,_)"
_random = np.random.default_rng(1)
X = _random.normal(size=(50, 3))
Y = np.stack([1000 + 30 * X[:, 0], 0.001 * X[:, 1] * X[:, 2], 5 - X[:, 2]], -1)
FRAME = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "p": Y[:, 0], "q": Y[:, 1], "r": Y[:, 2]})
TARGETS = ["p", "q", "r"]


def trained(frame: pl.DataFrame = FRAME, **options: Any) -> Any:
    return train(
        MODEL, frame, **{"target": TARGETS, "epochs": 30, "loss": "mse", "optimizer": "sgd(lr=0.1)", **options}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_metrics_of_several_targets_are_sklearns_in_the_columns_units(dtype: str) -> None:
    training = trained(FRAME[:40], test=FRAME[40:], metrics=["mse", "mae"], dtype=dtype)
    predicted = training.trained.predict(torch.from_numpy(X[40:]))
    assert np.shape(predicted) == (10, 3)
    true = Y[40:]
    for name, expected in (
        ("r2", r2_score(true, predicted)),
        ("mse", mean_squared_error(true, predicted)),
        ("mae", mean_absolute_error(true, predicted)),
    ):
        assert training.test[name].mean == pytest.approx(expected, rel=1e-6), name


def test_each_target_is_scaled_by_its_own_training_rows() -> None:
    training = trained(FRAME[:40], test=FRAME[40:], epochs=1)
    np.testing.assert_allclose(training.trained.target.mean[0], Y[:40].mean(0), rtol=1e-12)
    np.testing.assert_allclose(training.trained.target.std[0], Y[:40].std(0), rtol=1e-12)
    in_order = np.abs(np.array(training.trained.predict(torch.from_numpy(X))).mean(0) - Y.mean(0)) / Y.std(0)
    assert in_order.max() < 3


def test_each_round_has_its_own_scales() -> None:
    training = trained(rounds=3, epochs=2)
    for number in range(3):
        own = training.data.train.target[number]
        torch.testing.assert_close(training.trained.target.mean[number, 0], own.mean(0))
        alone = trained(seed=number, epochs=2)
        assert alone.test["r2"].values[0] == pytest.approx(training.test["r2"].values[number], rel=1e-4)


def test_unequal_rounds_are_scaled_by_their_own_rows() -> None:
    frame = FRAME.with_columns(g=pl.Series(np.repeat(range(9), [4, 7, 5, 4, 7, 5, 4, 7, 7])))
    training = trained(frame, group="g", rounds=4, epochs=1, test_fraction=0.3)
    assert training.data.train.counts is not None
    for number in range(4):
        own = training.data.train.of_round(number).target
        torch.testing.assert_close(training.trained.target.mean[number, 0], own.mean(0))


def test_a_model_of_several_targets_is_the_same_from_its_file(tmp_path: Path) -> None:
    training = trained(rounds=2, epochs=3)
    save_model(training.trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path)
    assert loaded.target_names == ("p", "q", "r")
    assert loaded.classes is None
    assert loaded.predict(torch.from_numpy(X)) == training.trained.predict(torch.from_numpy(X))
    figures = loaded.evaluate(training.data.test)
    assert figures == {name: training.test[name] for name in figures}


def test_of_whole_numbers_too_several_targets_are_values() -> None:
    frame = FRAME.with_columns(p=pl.Series(range(50)), q=pl.Series([True, False] * 25), r=pl.Series(["7", "8"] * 25))
    training = trained(frame, epochs=1)
    assert training.trained.classes is None
    assert training.data.train.target.shape[-1] == 3


def test_names_with_commas_between_are_several_targets() -> None:
    assert trained(target="p, r", epochs=1).trained.target_names == ("p", "r")
    assert trained(target=["p", "p"], epochs=1).trained.target_names == ("p",)


def test_a_constant_target_is_predicted_as_it_is() -> None:
    training = trained(FRAME.with_columns(q=pl.lit(0.1)), epochs=100)
    predicted = np.array(training.trained.predict(torch.from_numpy(X)))
    assert np.abs(predicted[:, 1] - 0.1).max() < 0.5


@pytest.mark.parametrize(
    "loss",
    [pytest.param(loss, marks=needs(loss)) for loss in ("cross_entropy", "binary_cross_entropy", "hinge")],
)
@pytest.mark.parametrize("target", [TARGETS, "p"])
def test_a_loss_of_classes_is_refused_for_values(loss: str, target: Any) -> None:
    with pytest.raises(RequestError, match=f"loss {loss} is of classes, and the target is values; take mse"):
        trained(target=target, loss=loss)


@pytest.mark.parametrize("factor", [1e200, 1e307])
def test_target_values_without_squares_are_refused(factor: float) -> None:
    with pytest.raises(DataError, match=r"column 'r' goes from .* too far for a model's arithmetic"):
        trained(FRAME.with_columns(pl.col("r") * factor / 5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "classification"}, "classes are one column, and not 3"),
        ({"features": "a,p"}, "'p' is the target, and can be nothing else"),
        ({"weight": "q"}, "'q' is the target, and can be nothing else"),
        ({"target": ["p", "none"]}, "has no column 'none'"),
        ({"target": []}, "needs a target, the column to predict"),
        ({"metrics": ["f1"]}, "metric f1 takes scores, and the target is a value"),
    ],
)
def test_targets_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        trained(**options)


def test_a_missing_target_is_refused_or_its_row_left_out() -> None:
    frame = FRAME.with_columns(q=pl.Series([None, *Y[1:, 1]]))
    with pytest.raises(DataError, match=r"lacks what is to be predicted in some rows: 1 of 'q' \(in row 1\)"):
        trained(frame)
    assert len(trained(frame, missing="drop", test_fraction=0, epochs=1).data.train.features) == 49
