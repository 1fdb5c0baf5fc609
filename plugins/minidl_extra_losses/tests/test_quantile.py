"""What only the quantile loss does."""

from __future__ import annotations

import pytest
import torch
from minidl_extra_losses.quantile import Quantile
from sklearn.metrics import mean_pinball_loss

from minidl_core.data.rounds import Examples
from minidl_core.losses import MAE
from minidl_core.optim import SGD
from minidl_core.spec import build_model
from minidl_core.training import fit


@pytest.mark.parametrize("q", [0.05, 0.5, 0.8])
def test_it_is_the_pinball_loss_of_scikit_learn(q):
    output, target = torch.randn(7, 2, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    weight = torch.rand(7, dtype=torch.float64)
    expected = mean_pinball_loss(target.numpy(), output.numpy(), alpha=q, sample_weight=weight.numpy())
    assert Quantile([q]).forward(output, target, weight).item() == pytest.approx(expected, rel=1e-12)


def test_each_target_has_its_quantiles_side_by_side():
    loss = Quantile([0.25, 0.75])
    target = torch.tensor([[10.0, 20.0]])
    assert loss.forward(torch.tensor([[8.0, 10.0, 20.0, 24.0]]), target).item() == (0.25 * 2 + 0.25 * 4) / 4
    assert loss.backward().tolist() == [[-0.25 / 4, -0.25 / 4, 0.25 / 4, 0.25 / 4]]
    assert loss.outputs_for(2) == 4


def test_the_median_alone_is_half_the_mean_absolute_error_where_they_are_equal_too():
    output, target = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 0.5]])
    loss, mae = Quantile([0.5]), MAE()
    assert torch.equal(2 * loss.forward(output, target), mae.forward(output, target))
    assert torch.equal(2 * loss.backward(), mae.backward())


@pytest.mark.parametrize(
    ("quantiles", "predicted"),
    [([0.1, 0.5, 0.9], [1, 4]), ([0.2, 0.4, 0.7], [1, 4]), ([0.5, 0.6, 0.7], [0, 3]), ([0.1, 0.2, 0.3], [2, 5])],
)
def test_the_quantile_nearest_to_the_median_is_predicted(quantiles, predicted):
    assert Quantile(quantiles).predicted(torch.arange(6.0).expand(2, 3, 6)).tolist() == [[predicted] * 3] * 2


def test_a_part_of_q_of_the_targets_lies_below_what_is_learned_for_q():
    random = torch.Generator().manual_seed(0)
    target = torch.randn(500, 1, dtype=torch.float64, generator=random)
    model = build_model("linear(1,3)").initialize([0], dtype=torch.float64)
    data = Examples(torch.zeros(500, 1, dtype=torch.float64), target)
    fit(model, data, Quantile([0.2, 0.5, 0.9]), SGD(0.5), epochs=300, batch_size=500, seeds=[0])
    below = (target < model.forward(data.features)).double().mean(0)
    torch.testing.assert_close(below, torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64), atol=0.03, rtol=0)


def test_every_other_quantile_is_said_by_its_name():
    said = Quantile([0.1, 0.5, 0.95]).predictions(torch.arange(6.0).expand(3, 6))
    assert {one.name: one.values[0].tolist() for one in said} == {"": [1, 4], "q0.1": [0, 3], "q0.95": [2, 5]}
    assert [one.name for one in Quantile([0.2, 0.8]).predictions(torch.zeros(3, 2))] == ["q0.2", "q0.8"]
