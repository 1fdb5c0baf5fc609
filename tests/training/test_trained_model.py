"""A trained model measures itself as scikit-learn does, and predicts classes by name and values in their units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars
import pytest
import sklearn.metrics
import torch
from torch import Tensor

from minidl_core.data import Table, numeric
from minidl_core.data.rounds import Examples
from minidl_core.errors import DataError, RequestError, ShapeError
from minidl_core.runs import train
from minidl_core.training import TrainedModel, Training


def outputs_by_hand(trained: TrainedModel, features: Tensor) -> list[Tensor]:
    """Each round's output for features that are standardized by hand, float64."""
    rounds = range(trained.rounds[0]) if trained.rounds else [()]
    outputs = []
    for r in rounds:
        mean, std = (
            s.expand(*trained.rounds, 1, features.shape[-1])[r]
            for s in (trained.features.offset, trained.features.scale)
        )
        inputs = ((features - mean) / std).float()
        whole = trained.model.forward(inputs)
        outputs.append(whole[r].double() if trained.rounds else whole.double())
    return outputs


def rows(training: Training) -> tuple[Tensor, Tensor]:
    """Some rows as they are in the data, and their targets."""
    part = training.data.train
    has_own_rows = part.features.dim() == 3
    return (part.features[0], part.target[0]) if has_own_rows else (part.features, part.target)


def test_figures_are_those_of_sklearn(training: Training) -> None:
    trained = training.trained
    features, target = rows(training)
    found = trained.evaluate(Examples(features, target))
    for r, output in enumerate(outputs_by_hand(trained, features)):
        if trained.target is None:
            predicted = output.argmax(-1) if output.shape[-1] > 1 else (output[:, 0] > 0.5).long()
            expected = sklearn.metrics.accuracy_score(target.numpy(), predicted.numpy())
            assert found["accuracy"].values[r] == pytest.approx(expected, abs=1e-12)
        else:
            scale = [
                s.expand(*trained.rounds, 1, 1)[r if trained.rounds else ()]
                for s in (trained.target.mean, trained.target.std)
            ]
            expected = sklearn.metrics.r2_score(target.numpy(), (output * scale[1] + scale[0]).numpy())
            assert found["r2"].values[r] == pytest.approx(expected, abs=1e-5)
    assert len(found["loss"].values) == (trained.rounds or (1,))[0]


def test_predictions_are_those_of_the_mean_output_over_rounds(training: Training) -> None:
    trained = training.trained
    features, _ = rows(training)
    outputs = outputs_by_hand(trained, features)
    if trained.target is not None:
        scales = zip(trained.target.mean.reshape(-1), trained.target.std.reshape(-1), strict=True)
        values = torch.stack([o * std + mean for o, (mean, std) in zip(outputs, scales, strict=True)]).mean(0)
        assert trained.predict(features) == pytest.approx(values.squeeze(-1).tolist(), rel=1e-6)
    else:
        mean = torch.stack(outputs).mean(0)
        numbers = mean.argmax(-1) if mean.shape[-1] > 1 else (mean[:, 0] > 0.5).long()
        assert trained.classes is not None
        assert trained.predict(features) == [trained.classes[number] for number in numbers.tolist()]


def test_one_row_alone_is_predicted_as_among_others(training: Training) -> None:
    features, _ = rows(training)
    together = training.trained.predict(features)
    alone = [training.trained.predict(row.unsqueeze(0))[0] for row in features]
    assert alone == (together if training.trained.target is None else pytest.approx(together, rel=1e-5))


def test_many_rows_are_measured_as_few_are(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    features, target = rows(training)
    whole = training.trained.evaluate(Examples(features, target)), training.trained.predict(features)
    monkeypatch.setattr("minidl_core.training.trained_model.ROWS_AT_ONCE", 7)
    in_parts = training.trained.evaluate(Examples(features, target)), training.trained.predict(features)
    for name, statistics in whole[0].items():
        assert in_parts[0][name].values == pytest.approx(statistics.values, rel=1e-5)
    assert in_parts[1] == (whole[1] if training.trained.target is None else pytest.approx(whole[1], rel=1e-5))


def test_the_figures_of_a_training_are_those_of_its_parts(training: Training) -> None:
    for figures, part in (training.train, training.data.train), (training.test, training.data.test):
        assert part is not None
        assert figures == training.trained.evaluate(part)


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_another_number_of_columns_is_refused_and_never_broadcast(training: Training, columns: int) -> None:
    x = torch.zeros(5, columns, dtype=torch.float64)
    with pytest.raises(ShapeError, match=rf"3 features.*\[5, {columns}\]"):
        training.trained.predict(x)
    with pytest.raises(ShapeError, match=rf"3 features.*\[5, {columns}\]"):
        training.trained.evaluate(Examples(x, training.data.train.target))


def test_the_training_part_is_standardized_and_not_the_whole(table_of: Any) -> None:
    training = train("linear(_,_)", table_of(rows=40), epochs=1)
    inputs = training.trained.prepare(training.data.train).features.double()
    torch.testing.assert_close(inputs.mean(0), torch.zeros(3).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.ones(3).double(), rtol=0, atol=1e-6)
    assert training.data.test is not None
    assert training.trained.prepare(training.data.test).features.mean(0).abs().max() > 1e-3


def test_a_target_and_a_column_that_are_constant_train_to_what_they_are() -> None:
    features = torch.stack([torch.randn(30, dtype=torch.float64), torch.full((30,), 0.1, dtype=torch.float64)], -1)
    table = Table(features, torch.full((30, 1), 0.3, dtype=torch.float64), numeric("x", "always"), ("y",), None)
    training = train("linear(_,_)", table, optimizer="sgd", epochs=60, batch_size=8)
    assert training.trained.predict(features) == pytest.approx([0.3] * 30, abs=1e-2)
    assert training.train["r2"].mean in (0.0, 1.0)


def test_a_row_without_a_finite_output_is_refused_by_its_number() -> None:
    trained = train("linear(_,_)", "disk(n=20)", epochs=1, rounds=2).trained
    features = torch.tensor([[0.5, 0.5], [1e300, 0.5]], dtype=torch.float64)
    with pytest.raises(DataError, match="row 2 gives no finite output"):
        trained.predict(features)


def test_a_frame_is_predicted_and_measured_as_its_file_is(tmp_path: Path) -> None:
    """In another order of columns, with more of them, and with categories that training had not."""
    frame = polars.DataFrame(
        {"a": [0.5, 1.5, 2.5, 3.5] * 10, "town": ["Bern", "Chur", "Genf", "Chur"] * 10, "t": ["x", "y", "x", "y"] * 10}
    )
    trained = train(None, frame, target="t", loss="mse", epochs=5, rounds=2, test_fraction=0).trained
    new = frame.select("t", other=polars.lit(1), town="town", a="a")[::-1]
    new.write_csv(tmp_path / "new.csv")
    few = new.filter(polars.col("town") != "Bern")
    expected = dict(zip(frame.iter_rows(), trained.predict(frame), strict=True))
    for data in new, tmp_path / "new.csv", str(tmp_path / "new.csv"):
        assert trained.predict(data) == [expected[a, town, t] for t, _, town, a in new.iter_rows()]
        assert trained.evaluate(data) == trained.evaluate(new)
    assert trained.predict(few) == [expected[a, town, t] for t, _, town, a in few.iter_rows()]
    assert trained.predict(new.drop("t")) == trained.predict(new)
    with pytest.raises(DataError, match="lacks 'town'"):
        trained.predict(new.drop("town"))
    with pytest.raises(RequestError, match=r"data must be a dataset, .*got dict"):
        trained.predict({"a": [1.0]})
