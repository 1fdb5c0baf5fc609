"""A loss that needs other outputs than one for each target, and one that wants targets as they are."""

from __future__ import annotations

import pytest
import torch

from minidl_core import load_model, save_model, train
from minidl_core.data import Table
from minidl_core.data.columns import numeric
from minidl_core.errors import SpecError

LOSSES = '''
import torch
from torch import Tensor
from minidl_core import hookimpl
from minidl_core.losses import MSE, Loss, Prediction
from minidl_core.nn.saved import saved

class Interval(Loss):
    """The squared errors of a value, and of a width that is to be 2. Outputs: both of each target."""

    error: Tensor = saved()

    def outputs_for(self, targets):
        return 2 * targets

    def forward(self, output, target, sample_weight=None):
        self.error = output - torch.stack([target, torch.full_like(target, 2)], -1).flatten(-2)
        return self.error.square().mean((-2, -1))

    def backward(self):
        return 2 * self.error / self.error.shape[-2:].numel()

    def predicted(self, output):
        return output[..., ::2]

    def predictions(self, output):
        return [Prediction("", output[..., ::2]), Prediction("width", output[..., 1::2], is_distance=True)]

class Plain(MSE):
    """The squared error of values as they are."""

    scales_target = False

@hookimpl
def minidl_register_components(registry):
    registry.loss("interval", f"{__name__}:Interval", summary="for a test")
    registry.loss("plain", f"{__name__}:Plain", summary="for a test")
'''
X = torch.linspace(-1, 1, 60, dtype=torch.float64).unsqueeze(-1)


@pytest.fixture(autouse=True)
def _installed(plugin):
    plugin("more", LOSSES)


def table(targets: int) -> Table:
    y = torch.cat([100 + 10 * X, 7 - 3 * X], -1)[:, :targets]
    return Table(X, y, numeric("x"), ("far", "near")[:targets], None)


def trained(targets: int, loss: str, **options):
    options = {"epochs": 300, "optimizer": "sgd(lr=0.5)", "seed": 0, "schedule": "constant", **options}
    return train("linear(_,_)", table(targets), loss=loss, **options)


def test_the_model_has_the_outputs_that_the_loss_needs():
    assert str(trained(1, "interval", epochs=1).trained.model) == "linear(1,2)"
    assert str(trained(2, "interval", epochs=1).trained.model) == "linear(1,4)"
    assert str(trained(2, "mse", epochs=1).trained.model) == "linear(1,2)"
    with pytest.raises(SpecError, match="gives 1 output but the data needs 2"):
        train("linear(_,1)", table(1), loss="interval", epochs=1)


def test_metrics_compare_what_is_predicted_of_each_target():
    assert trained(2, "interval").test["r2"].mean > 0.999


@pytest.mark.parametrize("rounds", [1, 3])
def test_predictions_are_in_the_units_of_the_target_and_distances_are_not_shifted(rounds):
    model = trained(2, "interval", rounds=rounds).trained
    assert model.predicted_names == ("far", "far width", "near", "near width")
    found = torch.tensor(model.predict(torch.tensor([[0.0], [0.5]], dtype=torch.float64)), dtype=torch.float64)
    width = 2 * model.target.std.reshape(-1, 2).mean(0)
    expected = torch.tensor([[100, 0, 7, 0], [105, 0, 5.5, 0]], dtype=torch.float64)
    expected[:, 1::2] = width
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_model_file_keeps_how_many_outputs_there_are(tmp_path):
    model = trained(1, "interval", epochs=3).trained
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.predict(X) == model.predict(X)
    assert loaded.predicted_names == ("far", "far width")


def test_a_loss_may_see_targets_as_they_are():
    training = trained(2, "plain", optimizer="sgd(lr=0.1)")
    assert training.trained.target.mean.tolist() == [[0, 0]]
    assert training.trained.target.std.tolist() == [[1, 1]]
    [[far, near]] = training.trained.predict(torch.zeros(1, 1, dtype=torch.float64))
    assert (far, near) == pytest.approx((100, 7), rel=1e-3)
    first = trained(1, "plain", epochs=1, optimizer="sgd(lr=1e-9)").history[0]
    assert float(first) == pytest.approx(float(table(1).target.square().mean()), rel=0.05)
