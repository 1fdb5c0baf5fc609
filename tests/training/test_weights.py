"""Weights of rows and of classes, against repeated rows, scikit-learn's weights and a loop in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from needs import needs
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight

from minidl_core.data import Table, numeric
from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.errors import RequestError
from minidl_core.runs import train
from minidl_core.training.untrained import weighted_by_class

MODEL = "linear(_,5)-tanh-linear(5,_)"
_random = np.random.default_rng(3)
ROWS = 24
X = _random.normal(size=(ROWS, 2))
WEIGHTS = np.array([1, 2, 3, 1, 5, 2] * 4)
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.7).astype(int)
VALUES = 3 * X[:, 0] - X[:, 1] + 100
FRAME = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "w": WEIGHTS, "t": [f"c{label}" for label in LABELS], "v": VALUES})
WHOLE = {"test_fraction": 0, "batch_size": 10_000, "dtype": "float64", "scaling": "none", "optimizer": "sgd(lr=0.3)"}


def trained(frame: pl.DataFrame, **options: Any) -> Any:
    options = {"target": "t", "features": "a,b", "loss": "mse", "epochs": 20, "metrics": ["f1"], **WHOLE, **options}
    return train(MODEL, frame, **options)


@pytest.mark.parametrize("loss", ["mse", pytest.param("cross_entropy", marks=needs("cross_entropy"))])
def test_whole_weights_are_repeated_rows(loss: str) -> None:
    repeated = FRAME[np.repeat(np.arange(ROWS), WEIGHTS)]
    one, other = trained(FRAME, weight="w", loss=loss), trained(repeated, loss=loss)
    torch.testing.assert_close(one.history, other.history, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        one.trained.model.parameters.values, other.trained.model.parameters.values, rtol=1e-9, atol=1e-12
    )
    for name in ("loss", "accuracy", "f1"):
        assert one.train[name].mean == pytest.approx(other.train[name].mean, rel=1e-9)


def test_whole_weights_of_values_are_repeated_rows_but_for_the_scale_of_the_target() -> None:
    """Which is that of the rows as they are, whatever they weigh."""
    options = {"target": "v", "metrics": ["mse"], "epochs": 1}
    training = trained(FRAME, weight="w", **options)
    predicted = training.trained.predict(torch.from_numpy(X))
    assert training.train["r2"].mean == pytest.approx(r2_score(VALUES, predicted, sample_weight=WEIGHTS))
    repeated = np.repeat(np.arange(ROWS), WEIGHTS)
    assert training.train["r2"].mean == pytest.approx(r2_score(VALUES[repeated], np.array(predicted)[repeated]))


def test_metrics_of_test_rows_are_sklearns_with_the_weights() -> None:
    training = trained(FRAME[:12], weight="w", test_fraction=None, test=FRAME[12:], epochs=5)
    predicted = training.trained.predict(torch.from_numpy(X[12:]))
    true, weight = FRAME["t"][12:].to_list(), WEIGHTS[12:]
    assert training.test["accuracy"].mean == pytest.approx(accuracy_score(true, predicted, sample_weight=weight))
    expected = f1_score(true, predicted, sample_weight=weight, average="macro", zero_division=0)
    assert training.test["f1"].mean == pytest.approx(expected)


def test_only_the_ratios_of_weights_count() -> None:
    one = trained(FRAME, weight="w")
    for factor in (1e-20, 1024.0):
        other = trained(FRAME.with_columns(pl.col("w") * factor), weight="w")
        torch.testing.assert_close(one.history, other.history, rtol=1e-9, atol=0)


def test_equal_weights_are_none() -> None:
    one, other = trained(FRAME), trained(FRAME.with_columns(w=pl.lit(7)), weight="w")
    torch.testing.assert_close(one.history, other.history, rtol=1e-12, atol=0)


def test_rows_of_weight_0_are_left_out() -> None:
    none = FRAME.with_columns(w=pl.Series([0 if i % 4 == 0 else 1 for i in range(ROWS)]))
    one = trained(none, weight="w")
    other = trained(FRAME.filter(pl.Series([i % 4 != 0 for i in range(ROWS)])))
    assert one.data.train.rows == other.data.train.rows == 18
    torch.testing.assert_close(one.history, other.history, rtol=1e-12, atol=0)


def test_a_table_of_ones_own_keeps_its_weights() -> None:
    table = Table(torch.from_numpy(X), torch.from_numpy(LABELS), numeric("a", "b"), ("t",), ("c0", "c1"))
    weighted = Table(**{**vars(table), "weight": torch.from_numpy(WEIGHTS).double()})
    options = {**WHOLE, "loss": "mse", "epochs": 3}
    one, other = train(MODEL, weighted, **options), trained(FRAME, weight="w", epochs=3)
    assert torch.equal(one.history, other.history)
    assert not torch.equal(one.history, train(MODEL, table, **options).history)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_balanced_weights_are_sklearns(weights: Any) -> None:
    labels = np.array([0] * 12 + [1] * 9 + [2] * 3)
    given = None if weights is None else torch.from_numpy(weights).double()
    examples = Examples(torch.zeros(ROWS, 1), torch.from_numpy(labels), given)
    found = weighted_by_class(examples, ("a", "b", "c"))
    assert isinstance(found, Examples)
    assert found.weight is not None
    expected = compute_sample_weight("balanced", labels) * (1 if weights is None else weights)
    np.testing.assert_allclose(found.weight, expected, rtol=1e-12)


def test_balanced_weights_are_those_of_each_rounds_own_rows() -> None:
    labels = torch.tensor([[0, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]])
    examples = Examples(torch.zeros(3, 4, 1), labels, torch.ones(3, 4), counts=(4, 3, 2))
    found = weighted_by_class(examples, ("a", "b"))
    assert isinstance(found, Examples)
    assert found.weight is not None
    for number, count in enumerate((4, 3, 2)):
        expected = compute_sample_weight("balanced", labels[number, :count].numpy())
        np.testing.assert_allclose(found.weight[number, :count], expected)


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("loss", ["mse", pytest.param("cross_entropy", marks=needs("cross_entropy"))])
def test_a_weighted_training_is_the_loop_that_pytorch_would_do(weight: str | None, capture: bool, loss: str) -> None:
    options = {"class_weight": "balanced", "weight": weight, "loss": loss, "epochs": 4, "capture": capture}
    initial = trained(FRAME, **{**options, "optimizer": "sgd(lr=1e-300)", "epochs": 1}).trained.model
    ours = trained(FRAME, **options)
    w = torch.from_numpy(compute_sample_weight("balanced", LABELS) * (1 if weight is None else WEIGHTS))
    w1, b1, w2, b2 = (p.value.clone().requires_grad_() for p in initial.named_parameters().values())
    x, labels = torch.from_numpy(X), torch.from_numpy(LABELS)
    losses = []
    for _ in range(4):
        output = torch.tanh(x @ w1 + b1) @ w2 + b2
        if loss == "mse":
            each = (output - torch.nn.functional.one_hot(labels, 2)).square().mean(-1)
        else:
            each = torch.nn.functional.cross_entropy(output, labels, reduction="none")
        value = (w * each).sum() / w.sum()
        losses.append(value.item())
        for parameter, gradient in zip((w1, b1, w2, b2), torch.autograd.grad(value, (w1, b1, w2, b2)), strict=True):
            parameter.data -= 0.3 * gradient
    torch.testing.assert_close(ours.history, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        ours.trained.model.parameters.values,
        torch.cat([p.detach().flatten() for p in (w1, b1, w2, b2)]),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_row_counts_by_its_weight_in_whatever_batch_it_is(batch_size: int, capture: bool) -> None:
    """The mean of a batch's weighted losses, where weights are 1 on the average of all rows."""
    options = {"weight": "w", "batch_size": batch_size, "epochs": 2, "capture": capture, "seed": 4}
    ours = trained(FRAME, **options)
    initial = trained(FRAME, **{**options, "optimizer": "sgd(lr=1e-300)", "epochs": 1}).trained.model
    w1, b1, w2, b2 = (p.value.clone().requires_grad_() for p in initial.named_parameters().values())
    x, target = torch.from_numpy(X), torch.nn.functional.one_hot(torch.from_numpy(LABELS), 2)
    w = torch.from_numpy(WEIGHTS / WEIGHTS.mean())
    rows = Batches(Examples(torch.arange(ROWS).unsqueeze(-1), torch.arange(ROWS)), batch_size, [4], ())
    losses = []
    for epoch in range(2):
        total = 0.0
        for block in rows.blocks(epoch):
            for batch in (batch for batches in block.batches for batch in batches):
                each = (torch.tanh(x[batch] @ w1 + b1) @ w2 + b2 - target[batch]).square().mean(-1)
                value = (w[batch] * each).sum() / len(batch)
                total += value.item() * len(batch) / ROWS
                gradients = torch.autograd.grad(value, (w1, b1, w2, b2))
                for parameter, gradient in zip((w1, b1, w2, b2), gradients, strict=True):
                    parameter.data -= 0.3 * gradient
        losses.append(total)
    torch.testing.assert_close(ours.history, torch.tensor(losses, dtype=torch.float64), rtol=1e-9, atol=1e-12)
    found, expected = ours.trained.model.parameters.values, torch.cat([p.detach().flatten() for p in (w1, b1, w2, b2)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("batch_size", [5, 24])
def test_a_captured_weighted_training_equals_a_plain_one(rounds: int, batch_size: int) -> None:
    options = {"weight": "w", "class_weight": "balanced", "rounds": rounds, "batch_size": batch_size}
    options |= {"test_fraction": 0.25, "epochs": 3}
    captured, plain = (trained(FRAME, capture=capture, **options) for capture in (True, False))
    torch.testing.assert_close(captured.history, plain.history, rtol=1e-10, atol=1e-12)
    values = [one.trained.model.parameters.values for one in (captured, plain)]
    torch.testing.assert_close(*values, rtol=1e-10, atol=1e-12)


def test_balancing_changes_the_training_and_not_the_figures() -> None:
    one = trained(FRAME, class_weight="balanced", epochs=1)
    output = one.trained.predict(torch.from_numpy(X))
    assert one.train["accuracy"].mean == pytest.approx(accuracy_score(FRAME["t"].to_list(), output))
    assert not torch.equal(one.history, trained(FRAME, epochs=1).history)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_weight": "balanced", "target": "v"}, "class_weight is for a target of classes, and the target"),
        ({"class_weight": "equal"}, "class_weight must be 'balanced' or None, got 'equal'"),
    ],
)
def test_class_weights_that_mean_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        trained(FRAME, **{"metrics": [], **options})
