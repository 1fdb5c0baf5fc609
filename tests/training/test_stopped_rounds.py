"""Rounds that stop while others go on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import DivergedError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential
from minidl_core.optim import SGD, Optimizer
from minidl_core.training import fit

ROWS, BATCH, ROUNDS = 20, 6, 3


class Running(Module):
    """The identity, with a running mean of each round."""

    def __init__(self) -> None:
        self.mean = torch.zeros(ROUNDS, 4, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(x.mean(-2), alpha=0.1)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def trained(
    epochs: int, stops: dict[int, list[bool]], lr: Any = 0.1, optimizer: str = "adam", **options: Any
) -> tuple[Tensor, Sequential, Optimizer]:
    """A training in which some rounds stop after some epochs."""
    random = torch.Generator().manual_seed(0)
    x, t = (torch.randn(ROUNDS, ROWS, 3, dtype=torch.float64, generator=random) for _ in range(2))
    model = Sequential(Linear(3, 4), Running(), Linear(4, 3)).initialize(range(ROUNDS), dtype=torch.float64)
    updates = Optimizer.of(optimizer)
    updates.lr = lr  # type: ignore[attr-defined]

    def on_epoch(epoch: int, _: Tensor) -> Tensor | None:
        return torch.tensor(stops[epoch]) if epoch in stops else None

    options = {"epochs": epochs, "batch_size": BATCH, "seeds": range(ROUNDS), "on_epoch": on_epoch, **options}
    return fit(model, Examples(x, t), MSE(), updates, **options), model, updates


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_stopped_round_no_longer_changes_and_the_others_do_as_without_it(optimizer: str, capture: bool) -> None:
    options = {"optimizer": optimizer, "capture": capture}
    history, model, updates = trained(8, {3: [False, True, False], 5: [True, False, False]}, **options)
    for r, epochs in enumerate([5, 3, 8]):
        alone, until_then, its_updates = trained(epochs, {}, **options)
        assert torch.equal(history[:epochs, r], alone[:, r])
        assert torch.equal(history[epochs:, r], alone[-1:, r].expand(8 - epochs))
        assert torch.equal(model.parameters.values[r], until_then.parameters.values[r])
        assert torch.equal(model.layers[1].mean[r], until_then.layers[1].mean[r])  # type: ignore[attr-defined]
        for name, state in its_updates.state.items():
            assert torch.equal(updates.state[name][r], state[r])


def test_a_training_ends_when_all_rounds_have_stopped() -> None:
    history, *_ = trained(50, {2: [True, False, True], 4: [False, True, False]})
    assert len(history) == 4


def test_a_stopped_round_may_not_diverge() -> None:
    rates = torch.tensor([[0.1], [1e200], [0.1]], dtype=torch.float64)
    with pytest.raises(DivergedError, match="in round 2 of 3"):
        trained(20, {}, lr=rates, optimizer="sgd")
    rates = torch.tensor([[0.1], [3.0], [0.1]], dtype=torch.float64)  # diverges, but not in its first epoch
    history, *_ = trained(400, {1: [False, True, False]}, lr=rates, optimizer="sgd")
    assert history.isfinite().all()


def test_one_round_may_stop_too() -> None:
    model = Sequential(Linear(3, 3)).initialize([0])
    x = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    stop_at_two = {"on_epoch": lambda epoch, _: torch.tensor(epoch == 2)}
    assert len(fit(model, Examples(x, x), MSE(), SGD(), epochs=9, batch_size=5, seeds=[0], **stop_at_two)) == 2
