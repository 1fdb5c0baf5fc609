"""A training is measured by whatever metrics are asked for, and those that cannot be are refused before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sklearn.metrics
import torch
from needs import needs
from torch import Tensor

from minidl_core.data import Table, numeric
from minidl_core.data.standardization import Standardization
from minidl_core.errors import RequestError, SpecError
from minidl_core.losses import MSE
from minidl_core.metrics import F1, Metric
from minidl_core.runs import train
from minidl_core.training import MatrixStatistics, Statistics, Training, load_model, save_model
from minidl_core.training.figures import Figures

OF_CLASSES = ["f1", "balanced_accuracy", "confusion_matrix", "roc_auc", "log_loss"]
OF_VALUES = ["mse", "mae"]


def trained(table: Table | str, metrics: list[Any], **options: Any) -> Training:
    return train("linear(_,6)-tanh-linear(6,_)", table, metrics=metrics, **{"epochs": 3, "rounds": 3, **options})


def table_of(classes: int | None, rows: int = 60) -> Table:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 3, dtype=torch.float64, generator=draw)
    if classes is None:
        return Table(x, 40 + 7 * x.sum(-1, keepdim=True), numeric("a", "b", "c"), ("y",), None)
    labels = (x.sum(-1) + 0.5 * torch.randn(rows, dtype=torch.float64, generator=draw)).sigmoid() * classes
    return Table(x, labels.long(), numeric("a", "b", "c"), ("y",), tuple("klmno"[:classes]))


def test_the_ones_asked_for_follow_the_loss_and_accuracy_each_once() -> None:
    found = trained(table_of(3), ["f1", 'f1(average="weighted")', "accuracy", F1(), "confusion_matrix"])
    names = ["loss", "accuracy", "f1", 'f1(average="weighted")', "confusion_matrix"]
    assert list(found.train) == names
    assert found.test is not None
    assert list(found.test) == names
    assert list(trained(table_of(None), ["mae", "r2"]).train) == ["loss", "r2", "mae"]
    assert list(trained(table_of(3), []).train) == ["loss", "accuracy"]


@pytest.mark.parametrize("classes", [2, 3])
def test_figures_of_every_round_are_those_of_sklearn(classes: int) -> None:
    training = trained(table_of(classes), OF_CLASSES, loss="mse", optimizer="sgd", dtype="float64")
    test = training.data.test
    assert test is not None
    assert training.test is not None
    output = training.trained.model.eval().forward(training.trained.prepare(test).features)
    assert isinstance(training.test["confusion_matrix"], MatrixStatistics)
    for r in range(3):
        y, t = output[r], test.target[r].numpy()
        p = y.clamp(0, 1) / y.clamp(0, 1).sum(-1, keepdim=True)
        predicted = y.argmax(-1).numpy()
        expected = {
            "accuracy": sklearn.metrics.accuracy_score(t, predicted),
            "f1": sklearn.metrics.f1_score(t, predicted, average="macro"),
            "balanced_accuracy": sklearn.metrics.balanced_accuracy_score(t, predicted),
            "roc_auc": sklearn.metrics.roc_auc_score(
                t, p[:, 1].numpy() if classes == 2 else p.numpy(), multi_class="ovr"
            ),
            "log_loss": sklearn.metrics.log_loss(t, p.numpy(), labels=range(classes)),
        }
        for name, value in expected.items():
            assert training.test[name].values[r] == pytest.approx(value, rel=1e-9), name
        matrix = sklearn.metrics.confusion_matrix(t, predicted, labels=range(classes))
        assert training.test["confusion_matrix"].values[r] == tuple(map(tuple, matrix.tolist()))


def test_figures_of_values_are_in_the_units_of_the_column() -> None:
    training = trained(table_of(None), OF_VALUES, rounds=1, dtype="float64")
    test = training.data.test
    assert test is not None
    predicted, target = training.trained.predict(test.features), test.target.numpy()
    assert training.train["mse"].mean > 10 * training.train["loss"].mean, "the loss is of standardized values"
    assert training.test is not None
    for name, of in (
        ("mse", sklearn.metrics.mean_squared_error),
        ("mae", sklearn.metrics.mean_absolute_error),
        ("r2", sklearn.metrics.r2_score),
    ):
        assert training.test[name].mean == pytest.approx(of(target, predicted), rel=1e-9), name


def test_a_single_output_is_measured_as_two_classes() -> None:
    found = train("linear(_,1)", table_of(2), metrics=["confusion_matrix", "roc_auc"], epochs=5).train
    assert isinstance(found["confusion_matrix"], MatrixStatistics)
    [matrix] = found["confusion_matrix"].values
    right = matrix[0][0] + matrix[1][1]
    assert right / sum(map(sum, matrix)) == pytest.approx(found["accuracy"].mean)
    assert found["roc_auc"].mean > 0.7


def test_each_round_has_the_figures_of_a_run_of_its_own() -> None:
    together = trained(table_of(3), OF_CLASSES, seed=4, dtype="float64")
    for r in range(3):
        alone = trained(table_of(3), OF_CLASSES, seed=4 + r, rounds=1, dtype="float64")
        for name in ("accuracy", "f1", "balanced_accuracy", "roc_auc", "log_loss"):
            assert together.train[name].values[r] == pytest.approx(alone.train[name].values[0], abs=1e-9)


def test_a_saved_model_is_measured_by_the_same(tmp_path: Path) -> None:
    training = trained(table_of(3), OF_CLASSES)
    save_model(training.trained, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").evaluate(training.data.train, OF_CLASSES) == training.train


# -- pieces and weights ---------------------------------------------------------------------------------------


def rows_of(takes: str, *leading: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, targets and sample weights."""
    draw = torch.Generator().manual_seed(3)
    output = torch.rand(*leading, 3, dtype=torch.float64, generator=draw)
    target = torch.rand(*leading, 3, dtype=torch.float64, generator=draw)
    weight = torch.randint(3, leading, generator=draw).double()
    return output, target if takes == "values" else torch.randint(3, leading, generator=draw), weight


def figures_of(metrics: list[str], pieces: list[tuple[Tensor, Tensor, Tensor | None]]) -> dict[str, Any]:
    scale = Standardization(torch.full((1, 3), 5.0).double(), torch.full((1, 3), 2.0).double())
    figures = Figures(MSE(), [Metric.of(one) for one in metrics], scale)
    for output, target, weight in pieces:
        given = scale.revert(target) if target.is_floating_point() else target
        figures.add(output, target, given, weight)
    return figures.statistics()


@pytest.mark.parametrize("rounds", [(), (2,)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metrics", [["accuracy", *OF_CLASSES], ["r2", *OF_VALUES]], ids=["classes", "values"])
def test_figures_of_pieces_are_those_of_all_rows(metrics: list[str], weighted: bool, rounds: tuple[int, ...]) -> None:
    output, target, weight = rows_of(Metric.of(metrics[0]).takes, *rounds, 30)
    weight[..., 4:9] = 0  # a piece that weighs nothing
    axis = len(rounds)
    parts = zip(*(one.split([4, 5, 1, 20], axis) for one in (output, target, weight)), strict=True)
    pieces = [(y, t, w if weighted else None) for y, t, w in parts]
    whole = figures_of(metrics, [(output, target, weight if weighted else None)])
    for one in (
        figures_of(metrics, pieces),
        figures_of(metrics, pieces[::-1]),
        figures_of(metrics, pieces[1:] + pieces[:1]),
    ):
        assert list(one) == ["loss", *metrics]
        for name, figure in one.items():
            torch.testing.assert_close(torch.tensor(figure.values), torch.tensor(whole[name].values))


@pytest.mark.parametrize("metrics", [["accuracy", *OF_CLASSES], ["r2", *OF_VALUES]], ids=["classes", "values"])
def test_a_row_of_weight_2_is_the_row_twice_in_every_figure(metrics: list[str]) -> None:
    output, target, weight = rows_of(Metric.of(metrics[0]).takes, 30)
    rows = torch.arange(30).repeat_interleave(weight.long())
    weighted = figures_of(metrics, [(output, target, weight)])
    repeated = figures_of(metrics, [(output[rows], target[rows], None)])
    for name, figure in weighted.items():
        torch.testing.assert_close(torch.tensor(figure.values), torch.tensor(repeated[name].values))


# -- what is refused ------------------------------------------------------------------------------------------


class Untouched(MSE):
    """A loss that no step may reach."""

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        raise AssertionError("the training has begun")


@pytest.mark.parametrize(
    ("classes", "metrics", "words"),
    [
        (2, ["mse"], r"metric mse takes values, and the target is a class; metrics that fit: accuracy.*roc_auc"),
        (None, ["mae", "f1"], r"metric f1 takes scores, and the target is a value; metrics that fit: mae, mse, r2"),
        (None, ["log_loss"], r"metric log_loss takes probabilities, and the target is a value"),
        (3, ['f1(average="binary")'], "is of two classes"),
        (2, "f1", "metrics must be a list"),
        (2, [3], "each of metrics must be a Metric or the spec of one, got 3"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_before_the_training(
    classes: int | None, metrics: Any, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        train("linear(_,_)", table_of(classes), loss=Untouched(), metrics=metrics)


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'accuracy'"):
        train("linear(_,_)", table_of(2), loss=Untouched(), metrics=["acuracy"])


def test_a_metric_of_probabilities_is_refused_for_a_loss_that_has_none() -> None:
    class Without(Untouched):
        """A loss of scores."""

        def probabilities(self, output: Tensor) -> Tensor:
            raise RequestError("none")

    said = r"metric roc_auc takes probabilities, and .* loss Without gives no .*; metrics that fit: accuracy, balanced"
    with pytest.raises(RequestError, match=said) as refused:
        train("linear(_,_)", table_of(2), loss=Without(), metrics=["f1", "roc_auc"])
    assert "log_loss" not in str(refused.value)


@needs("hinge")
def test_hinge_has_scores_and_no_probabilities() -> None:
    assert trained(table_of(3), ["f1"], loss="hinge").train["f1"].mean > 0
    with pytest.raises(RequestError, match="loss hinge gives no probabilities"):
        trained(table_of(3), ["log_loss"], loss="hinge")


@needs("cross_entropy")
def test_the_cross_entropy_that_is_trained_by_is_the_log_loss_that_is_measured() -> None:
    found = trained(table_of(3), ["log_loss"], loss="cross_entropy", dtype="float64").train
    assert found["log_loss"].values == pytest.approx(found["loss"].values, rel=1e-9)


# -- statistics of a matrix -----------------------------------------------------------------------------------


def test_a_matrix_has_the_statistics_of_each_cell() -> None:
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[3.0, 2.0], [5.0, 0.0]], [[5.0, 5.0], [1.0, 2.0]]])
    found = MatrixStatistics.of(values)
    assert found.cells[0][1] == Statistics((2.0, 2.0, 5.0))
    assert found.values == tuple(tuple(map(tuple, matrix)) for matrix in values.tolist())
    torch.testing.assert_close(torch.tensor(found.mean), values.mean(0))
    assert found.std is not None
    torch.testing.assert_close(torch.tensor(found.std), values.std(0))
    assert found.to_json() == {"mean": found.mean, "std": found.std, "values": found.values}


def test_a_matrix_of_one_round_has_no_deviation() -> None:
    found = MatrixStatistics.of(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert (found.mean, found.std) == (((1, 2), (3, 4)), None)
    assert found.values == (((1, 2), (3, 4)),)
