"""Each loss in a training from end to end, and in a model file."""

from __future__ import annotations

import pytest
import torch

from minidl_core import load_model, save_model, train
from minidl_core.data import Table, numeric
from minidl_core.errors import DataError, ShapeError

CLASSIFICATIONS = [
    ("cross_entropy", "_"),
    ("cross_entropy(label_smoothing=0.1,weight=[1,2])", "_"),
    ("binary_cross_entropy", "1"),
    ("binary_cross_entropy(pos_weight=2)", "_"),
    ("hinge", "_"),
    ("squared_hinge", "_"),
    ("focal", "_"),
    ("focal(gamma=0.5,alpha=[1,2])", "1"),
    ("smooth_l1(beta=0.5)", "_"),
    ("huber", "_"),
    ("log_cosh", "1"),
]


@pytest.mark.parametrize(("loss", "outputs"), CLASSIFICATIONS)
def test_two_moons_are_told_apart(loss, outputs, tmp_path):
    training = train(
        f"linear(_,8)-tanh-linear(8,{outputs})",
        "moons(n=200)",
        loss=loss,
        optimizer="sgd(lr=0.5)",
        epochs=60,
        rounds=2,
        batch_size=20,
    )
    assert training.history[-1].max() < training.history[0].min()
    assert min(training.test["accuracy"].values) > 0.85
    save_model(training.trained, tmp_path / "model.safetensors")
    assert str(load_model(tmp_path / "model.safetensors").loss) == loss


@pytest.mark.parametrize("loss", ["huber(delta=0.1)", "log_cosh", "smooth_l1"])
def test_one_wild_value_moves_the_other_predictions_less_than_with_mse(loss):
    features = torch.randn(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = features @ torch.tensor([[2.0], [-1.0]], dtype=torch.float64)
    target[0] += 100
    table = Table(features, target, numeric("a", "b"), ("c",), None)
    errors = {}
    for name in loss, "mse":
        training = train("linear(_,_)", table, loss=name, optimizer="sgd(lr=0.5)", batch_size=200, test_fraction=0)
        predicted = torch.tensor(training.trained.predict(features), dtype=torch.float64)
        errors[name] = (predicted - target.squeeze(-1))[1:].abs().mean()
    assert errors[loss] < errors["mse"] / 2


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "squared_hinge", "nll"])
def test_a_model_with_one_output_is_refused_before_it_trains(loss):
    with pytest.raises(ShapeError, match="binary_cross_entropy"):
        train("linear(_,1)", "moons(n=20)", loss=loss)


@pytest.mark.parametrize(("loss", "what"), [("poisson_nll", "counts"), ("kl_divergence", "probabilities")])
def test_targets_below_zero_are_refused_before_the_training_where_they_mean_nothing(loss, what):
    target = torch.tensor([[0.5], [0.25], [-0.75], [0.5]], dtype=torch.float64)
    table = Table(torch.rand(4, 1, dtype=torch.float64), target, numeric("x"), ("y",), None)
    with pytest.raises(DataError, match=f"the loss {loss} is of {what}, 0 or greater, and a target is -0.75"):
        train("linear(_,_)", table, loss=loss, epochs=1, test_fraction=0)
    assert train("linear(_,_)", table, loss="gaussian_nll", epochs=1, test_fraction=0).epochs == 1
