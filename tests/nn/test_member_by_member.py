"""Layers that take no round axis: rounds one after the other, each as its own run."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential, saved
from minidl_core.nn.member_by_member import for_rounds
from minidl_core.optim import SGD
from minidl_core.testing import check_component
from minidl_core.training import accuracy, fit

ROWS, ROUNDS = 14, 3


class Softplus(Module):
    """log(1 + eˣ), written for [N, F] and nothing else."""

    takes_rounds = False
    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        [_, _] = x.shape
        self.x = x
        return torch.logaddexp(x, torch.zeros_like(x))

    def backward(self, dy: Tensor) -> Tensor:
        [_, _] = dy.shape
        return dy / (1 + (-self.x).exp())


def model() -> Sequential:
    return Sequential(Linear(2, 5), Softplus(), Linear(5, 2))


def examples() -> Examples:
    random = torch.Generator().manual_seed(0)
    x, t = (torch.randn(ROUNDS, ROWS, 2, dtype=torch.float64, generator=random) for _ in range(2))
    return Examples(x, t)


@pytest.mark.parametrize("capture", [True, False])
def test_each_round_is_the_run_of_its_own(capture: bool, caplog: pytest.LogCaptureFixture) -> None:
    data, together = examples(), model().initialize(range(ROUNDS), dtype=torch.float64)
    options = {"epochs": 4, "batch_size": 5, "capture": capture}
    with caplog.at_level(logging.WARNING, "minidl"):
        history = fit(together, data, MSE(), SGD(0.1), seeds=range(ROUNDS), **options)
    said = "rounds are computed one after the other, which takes longer: Softplus takes no round axis"
    assert caplog.messages == [said]
    for r in range(ROUNDS):
        alone = model().initialize([r], dtype=torch.float64)
        own = Examples(data.features[r], data.target[r])
        torch.testing.assert_close(history[:, r], fit(alone, own, MSE(), SGD(0.1), seeds=[r], **options))
        torch.testing.assert_close(together.parameters.values[r], alone.parameters.values)


def test_a_model_whose_layers_take_rounds_is_left_as_it_is() -> None:
    one_round, rounds = model().initialize([0]), Sequential(Linear(2, 2)).initialize([0, 1])
    assert for_rounds(one_round) is one_round
    assert for_rounds(rounds) is rounds


def test_new_weights_are_taken() -> None:
    together = model().initialize(range(ROUNDS))
    for_rounds(together)
    together.initialize(range(10, 10 + ROUNDS))
    x = examples().features.float()
    y = for_rounds(together).forward(x)
    for r in range(ROUNDS):
        torch.testing.assert_close(y[r], model().initialize([10 + r]).forward(x[r]))


def test_predictions_go_round_by_round_too() -> None:
    together = model().initialize(range(ROUNDS))
    x = torch.rand(ROWS, 2)
    labels = (x[:, 0] > 0.5).long()
    expected = [accuracy(model().initialize([r]), x, labels) for r in range(ROUNDS)]
    assert accuracy(together, x, labels) == expected


def test_the_conformance_kit_does_not_ask_for_round_axes() -> None:
    results = {result.check: result for result in check_component("layer", Softplus)}
    assert {result.outcome for result in results.values()} <= {"passed", "skipped"}
    assert results["rounds at once equal each round alone"].outcome == "skipped"
