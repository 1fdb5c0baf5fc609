"""Rounds that stop while others go on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from needs import needs
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import DivergedError, RequestError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential
from minidl_core.optim import SGD, Optimizer
from minidl_core.training import fit

ROWS, BATCH, ROUNDS = 20, 6, 3


class Running(Module):
    """The identity, with a running mean of each round, kept in one of several ways."""

    def __init__(self, way: str = "in place") -> None:
        self.way = way
        self.mean = torch.zeros(ROUNDS, 4, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        if self.way == "in place":
            self.mean.mul_(0.9).add_(x.mean(-2), alpha=0.1)
        elif self.way == "the last":
            self.mean = x.mean(-2)
        else:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(-2)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def trained(
    epochs: int, stops: dict[int, Any], lr: Any = 0.1, optimizer: str = "sgd", way: str = "in place", **options: Any
) -> tuple[Tensor, Sequential, Optimizer]:
    """A training in which some rounds stop after some epochs."""
    random = torch.Generator().manual_seed(0)
    x, t = (torch.randn(ROUNDS, ROWS, 3, dtype=torch.float64, generator=random) for _ in range(2))
    model = Sequential(Linear(3, 4), Running(way), Linear(4, 3)).initialize(range(ROUNDS), dtype=torch.float64)
    updates = Optimizer.of(optimizer)
    updates.lr = lr  # type: ignore[attr-defined]

    def on_epoch(epoch: int, *_: Tensor) -> Any:
        return stops.get(epoch)

    options = {"epochs": epochs, "batch_size": BATCH, "seeds": range(ROUNDS), "on_epoch": on_epoch, **options}
    return fit(model, Examples(x, t), MSE(), updates, **options), model, updates


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("way", ["in place", "assigned", "the last"])
@pytest.mark.parametrize("optimizer", ["sgd", pytest.param("adam", marks=needs("adam"))])
def test_a_stopped_round_no_longer_changes_and_the_others_do_as_without_it(
    optimizer: str, way: str, capture: bool
) -> None:
    options = {"optimizer": optimizer, "capture": capture, "way": way}
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


class Alone(Running):
    """The same without a round axis."""

    takes_rounds = False

    def __init__(self) -> None:
        self.way, self.mean = "in place", torch.zeros(4, dtype=torch.float64)


def test_rounds_that_are_computed_one_after_the_other_stop_too() -> None:
    def run(epochs: int, stops: dict[int, Any]) -> tuple[Tensor, list[Tensor]]:
        model = Sequential(Linear(3, 4), Alone()).initialize(range(ROUNDS), dtype=torch.float64)
        x = torch.randn(ROWS, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        options = {
            "epochs": epochs,
            "batch_size": BATCH,
            "seeds": range(ROUNDS),
            "on_epoch": lambda e, *_: stops.get(e),
        }
        fit(model, Examples(x, torch.zeros(ROWS, 4, dtype=torch.float64)), MSE(), SGD(), **options)
        [apart] = model.member_by_member or []
        return model.parameters.values, [member.layers[1].mean for member in apart.members]  # type: ignore[attr-defined]

    values, means = run(5, {2: [False, True, False]})
    for r, epochs in enumerate([5, 2, 5]):
        expected_values, expected_means = run(epochs, {})
        assert torch.equal(values[r], expected_values[r])
        assert torch.equal(means[r], expected_means[r])


@pytest.mark.parametrize("answer", [True, torch.tensor(True), [True]])
def test_one_round_may_stop_too(answer: Any) -> None:
    model = Sequential(Linear(3, 3)).initialize([0])
    x = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    answer = torch.tensor(answer).squeeze() if isinstance(answer, list) else answer
    stop_at_two = {"on_epoch": lambda epoch, *_: answer if epoch == 2 else None}
    assert len(fit(model, Examples(x, x), MSE(), SGD(), epochs=9, batch_size=5, seeds=[0], **stop_at_two)) == 2


def test_all_rounds_stop_at_true() -> None:
    history, *_ = trained(9, {1: False, 3: True})
    assert len(history) == 3


@pytest.mark.parametrize("answer", [None, 0, 1, "stop", 1.5])
def test_what_a_callback_happens_to_return_stops_nothing(answer: Any) -> None:
    history, *_ = trained(3, {1: answer})
    assert len(history) == 3


@pytest.mark.parametrize("answer", [[True, False], [1, 0, 0], [[True], [1, 2]], torch.zeros(ROUNDS)])
def test_another_answer_is_refused(answer: Any) -> None:
    with pytest.raises(RequestError, match=r"on_epoch must return True or False, or one of them for each round, \[3\]"):
        trained(9, {1: answer})


@pytest.mark.parametrize("lr", [torch.tensor([0.1, 0.2, 0.3]), torch.ones(2, 1), [0.1, 0.2, 0.3], "0.1"])
def test_a_learning_rate_of_another_shape_is_refused(lr: Any) -> None:
    with pytest.raises(RequestError, match=r"lr must be a number, or a tensor of one for each round, \[3, 1\]; got"):
        trained(2, {}, lr=lr)
