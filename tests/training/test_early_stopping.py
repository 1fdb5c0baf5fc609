"""Each round stops by itself, and has its best weights in the end, as a training without patience shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import ArgumentError, DivergedError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential, Tanh
from minidl_core.optim import SGD
from minidl_core.runs import train
from minidl_core.training import fit
from minidl_core.training.early_stopping import EarlyStopping

EPOCHS, PATIENCE = 60, 4
IRIS = str(Path(__file__).parents[2] / "examples" / "data" / "iris.csv")


def samples(seed: int, rounds: int) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    axes = (rounds,) if rounds > 1 else ()
    x = torch.randn(*axes, 12, 3, dtype=torch.float64, generator=generator)
    return Examples(x, x[..., :1] + torch.randn(*axes, 12, 1, dtype=torch.float64, generator=generator))


def trained(rounds: int, patience: int | None, capture: bool = True) -> tuple[list[Tensor], list[Tensor], Any]:
    """The validation losses and the weights after each epoch, and what stopped it."""
    model = Sequential(Linear(3, 16), Tanh(), Linear(16, 1)).initialize(range(rounds), dtype=torch.float64)
    validation = samples(1, rounds)
    early_stopping = EarlyStopping(10**9 if patience is None else patience)
    losses, weights = [], []

    def watched() -> Tensor:
        losses.append(MSE().forward(model.forward(validation.features), validation.target))
        weights.append(model.parameters.values.clone())
        return losses[-1]

    options = {"epochs": EPOCHS, "batch_size": 6, "seeds": range(rounds), "watched": watched, "capture": capture}
    fit(model, samples(0, rounds), MSE(), SGD(0.2), early_stopping=early_stopping, **options)
    return losses, [*weights, model.parameters.values], early_stopping


def best_epoch(losses: list[float]) -> tuple[int, int]:
    """The best epoch, and the one after which a round stops, both from 1: by a loop over the losses of all epochs."""
    best, least = 0, float("inf")
    for epoch, loss in enumerate(losses, 1):
        if loss < least:
            best, least = epoch, loss
        elif epoch - best == PATIENCE:
            return best, epoch
    return best, len(losses)


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("rounds", [1, 5])
def test_a_round_has_the_weights_of_its_best_epoch(rounds: int, capture: bool) -> None:
    losses, weights, _ = trained(rounds, None)
    stopped_losses, stopped_weights, early_stopping = trained(rounds, PATIENCE, capture)
    of_rounds = torch.stack(losses).reshape(EPOCHS, rounds)
    expected = [best_epoch(of_rounds[:, index].tolist()) for index in range(rounds)]
    assert early_stopping.epochs.reshape(-1).tolist() == [best for best, _ in expected]
    assert len(stopped_losses) == max(last for _, last in expected) < EPOCHS
    assert early_stopping.has_ended
    for index, (best, _) in enumerate(expected):
        found, right = (one.reshape(rounds, -1)[index] for one in (stopped_weights[-1], weights[best - 1]))
        torch.testing.assert_close(found, right, rtol=1e-9, atol=1e-11)
    assert rounds == 1 or len({best for best, _ in expected}) > 1


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_training_on_a_table_says_when_each_round_was_best(rounds: int) -> None:
    options: dict[str, Any] = {"target": "species", "optimizer": "sgd(lr=1)", "rounds": rounds, "epochs": 200}
    network = "linear(_,16)-tanh-linear(16,_)"
    training = train(network, IRIS, patience=5, **options)
    assert training.best_epochs is not None
    assert training.validation is not None
    assert not training.interrupted
    assert training.epochs == max(training.best_epochs) + 5 < 200
    whole = train(network, IRIS, validation_fraction=0.2, **options | {"epochs": training.best_epochs[0]})
    own = (one.trained.model.parameters.values.reshape(rounds, -1)[0] for one in (training, whole))
    torch.testing.assert_close(*own, rtol=1e-5, atol=1e-6)  # captured at the same steps, of which some are plain
    assert whole.validation is not None
    assert training.validation["loss"].values[0] == pytest.approx(whole.validation["loss"].values[0], rel=1e-4)
    assert whole.best_epochs is None


def test_a_training_that_ends_before_its_patience_has_its_best_weights_too() -> None:
    for patience in (100, 10**20):
        training = train("linear(_,_)", IRIS, target="species", patience=patience, epochs=3)
        assert training.best_epochs == (3,)
    assert training.epochs == 3
    assert not training.interrupted


def test_with_a_fraction_of_0_the_training_loss_decides() -> None:
    training = train("linear(_,_)", IRIS, target="species", patience=2, validation_fraction=0.0, epochs=4)
    assert training.validation is None
    assert training.best_epochs == (4,)


def test_a_dataset_draws_a_sample_to_validate_on() -> None:
    training = train("linear(_,8)-relu-linear(8,_)", "moons(n=50)", patience=3, epochs=5, rounds=2)
    data = training.data
    assert data.validation is not None
    assert data.test is not None
    assert data.validation.features.shape == data.test.features.shape == (2, 50, 2)
    assert not torch.equal(data.validation.features, data.test.features)
    without = train("linear(_,8)-relu-linear(8,_)", "moons(n=50)", epochs=5, rounds=2).data
    assert without.validation is None
    assert torch.equal(without.train.features, data.train.features)


def test_a_training_that_diverges_keeps_the_best_weights() -> None:
    options: dict[str, Any] = {
        "target": "species",
        "loss": "mse",
        "epochs": 60,
        "validation_fraction": 0.2,
    }

    def explode(epoch: int, *_: Tensor) -> None:
        if epoch == 12:
            updates.lr = 1e30

    updates = SGD(0.1)
    with pytest.raises(
        DivergedError, match=r"in epoch 13, .* the model keeps the weights of each round's best epoch"
    ) as diverged:
        train("linear(_,_)", IRIS, patience=30, optimizer=updates, on_epoch=explode, **options)
    training = diverged.value.training
    assert training is not None
    assert training.best_epochs is not None
    assert training.validation is not None
    assert training.validation_history is not None
    [best] = training.best_epochs
    assert training.validation["loss"].mean == pytest.approx(training.validation_history[best - 1].item(), rel=1e-6)
    assert training.validation_history.argmin() == best - 1


def test_the_validation_losses_are_kept_without_patience_too() -> None:
    training = train("linear(_,_)", IRIS, target="species", validation_fraction=0.2, epochs=5, rounds=2)
    assert training.validation_history is not None
    assert training.validation is not None
    assert training.validation_history.shape == (5, 2)
    assert training.validation_history[-1].tolist() == pytest.approx(training.validation["loss"].values, rel=1e-6)


class Running(Module):
    """x less a running mean of its columns, which no gradient learns."""

    mean: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "mean"):
            self.mean = torch.zeros_like(x.mean(-2))
        if self.training:
            self.mean.mul_(0.9).add_(x.mean(-2), alpha=0.1)
        return x - self.mean.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


@pytest.mark.parametrize("rounds", [1, 3])
def test_what_layers_learned_beside_their_weights_is_that_of_the_best_epoch_too(rounds: int) -> None:
    model = Sequential(Linear(4, 8), Running(), Tanh(), Linear(8, 3))
    training = train(model, IRIS, target="species", optimizer="sgd(lr=0.5)", rounds=rounds, patience=6, epochs=80)
    assert training.validation is not None
    assert training.validation_history is not None
    assert training.best_epochs is not None
    assert min(training.best_epochs) < 70
    least = training.validation_history.reshape(-1, rounds).min(0).values
    assert training.validation["loss"].values == pytest.approx(least.tolist(), rel=1e-6)


def test_a_round_that_has_stopped_stays_so() -> None:
    model = Sequential(Linear(1, 1)).initialize([0, 1])
    early_stopping = EarlyStopping(2)
    early_stopping.begin(model)
    for epoch, losses in enumerate([[1.0, 4.0], [2.0, 3.0], [2.0, 2.0], [0.5, 1.0]], 1):
        stopped = early_stopping.epoch_ended(epoch, torch.tensor(losses))
    assert stopped.tolist() == [True, False]
    assert early_stopping.epochs.tolist() == [1, 4]


def test_a_training_that_ends_in_its_first_epoch_keeps_what_it_has_learned() -> None:
    steps = iter(range(10))
    options: dict[str, Any] = {"target": "species", "validation_fraction": 0.2}
    training = train("linear(_,_)", IRIS, patience=5, stop=lambda: next(steps) == 1, **options)
    steps = iter(range(10))
    without = train("linear(_,_)", IRIS, stop=lambda: next(steps) == 1, **options)
    assert training.best_epochs == (0,)
    assert training.train == without.train
    assert training.interrupted


def test_a_dataset_goes_by_its_training_loss_where_the_fraction_is_0() -> None:
    training = train("linear(_,_)", "moons(n=50)", patience=2, validation_fraction=0.0, epochs=3)
    assert training.validation is None
    assert training.best_epochs == (3,)


class Mixed(Module):
    """One of rows without a round axis."""

    takes_rounds = False

    def forward(self, x: Tensor) -> Tensor:
        assert x.dim() == 2
        return x * 1.5

    def backward(self, dy: Tensor) -> Tensor:
        return dy * 1.5


def test_rounds_that_are_computed_one_by_one_stop_too() -> None:
    options: dict[str, Any] = {
        "target": "species",
        "optimizer": "sgd(lr=0.5)",
        "rounds": 3,
        "epochs": 40,
        "patience": 2,
    }
    one_by_one = train(Sequential(Linear(4, 8), Tanh(), Mixed(), Linear(8, 3)), IRIS, **options)
    assert one_by_one.best_epochs is not None
    for index, best in enumerate(one_by_one.best_epochs):
        assert one_by_one.validation_history is not None
        assert one_by_one.validation_history[: best + 2, index].argmin() == best - 1
    found = [one.validation["loss"].values for one in [one_by_one] if one.validation is not None]
    least = one_by_one.validation_history.min(0).values
    assert found[0] == pytest.approx(least.tolist(), rel=1e-6)


@pytest.mark.parametrize("patience", [0, -1])
def test_no_patience_at_all_is_refused(patience: int) -> None:
    with pytest.raises(ArgumentError, match=f"patience must be a whole number, at least 1, got {patience}"):
        train("linear(_,_)", "disk", patience=patience)
    with pytest.raises(ArgumentError, match="patience must be a whole number, at least 1"):
        EarlyStopping(patience)
