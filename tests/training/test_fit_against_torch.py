"""The training loop against a second one, of torch.nn, autograd and torch.optim, with the same first weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss
from minidl_core.nn import Module
from minidl_core.optim import SGD
from minidl_core.seeding import generator, round_seeds
from minidl_core.spec import build_model
from minidl_core.training import fit

ROWS, EPOCHS, LR = 53, 6, 0.2


def peer() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(2, 25),
        torch.nn.ReLU(),
        torch.nn.Linear(25, 25),
        torch.nn.Tanh(),
        torch.nn.Linear(25, 25),
        torch.nn.Sigmoid(),
        torch.nn.Linear(25, 2),
    ).double()


def flat(network: torch.nn.Module) -> Tensor:
    return torch.cat([(p.mT if p.dim() == 2 else p).detach().flatten() for p in network.parameters()])


def with_weights_of(model: Module, r: tuple[int, ...]) -> torch.nn.Sequential:
    network = peer()
    with torch.no_grad():
        for theirs, ours in zip(network.parameters(), model.named_parameters().values(), strict=True):
            value = ours.value[r]
            theirs.copy_(value.mT if value.dim() == 2 else value)
    return network


def fit_peer(
    network: torch.nn.Module, x: Tensor, t: Tensor, criterion: torch.nn.Module, batch_size: int, seed: int
) -> Tensor:
    """The same training, written with torch's own parts."""
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    history = []
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(ROWS, generator=generator(seed, "batches", epoch)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(network(x[rows]), t[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        history.append(total / ROWS)
    return torch.tensor(history, dtype=torch.float64)


@pytest.mark.parametrize("batch_size", [1, 10, 53, 100])
@pytest.mark.parametrize(("loss", "criterion"), [("mse", torch.nn.MSELoss), ("mae", torch.nn.L1Loss)])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("own_rows", [False, True])
def test_losses_and_weights_are_those_of_torch(
    report_model: str,
    batch_size: int,
    loss: str,
    criterion: Callable[[], torch.nn.Module],
    rounds: int,
    own_rows: bool,
) -> None:
    seeds = round_seeds(3, rounds)
    model = build_model(report_model).initialize(seeds, dtype=torch.float64)
    axes = model.parameters.rounds
    random = torch.Generator().manual_seed(0)
    shape = (*axes, ROWS, 2) if own_rows else (ROWS, 2)
    x = torch.randn(shape, generator=random, dtype=torch.float64)
    t = torch.randn(shape, generator=random, dtype=torch.float64)
    members = [(r,) for r in range(rounds)] if axes else [()]
    networks = [with_weights_of(model, r) for r in members]

    history = fit(model, Examples(x, t), Loss.of(loss), SGD(LR), epochs=EPOCHS, batch_size=batch_size, seeds=seeds)

    assert history.shape == (EPOCHS, *axes)
    for r, network, seed in zip(members, networks, seeds, strict=True):
        index = r if own_rows else ()
        expected = fit_peer(network, x[index], t[index], criterion(), batch_size, seed)
        torch.testing.assert_close(history[(slice(None), *r)], expected, rtol=0, atol=1e-10)
        torch.testing.assert_close(model.parameters.values[r], flat(network), rtol=0, atol=1e-10)


def test_labels_are_fitted_as_one_hot_targets(report_model: str) -> None:
    x = torch.randn(ROWS, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = (x[:, 0] > 0).long()

    def fitted(target: Tensor) -> Tensor:
        model = build_model(report_model).initialize([0], dtype=torch.float64)
        return fit(model, Examples(x, target), Loss.of("mse"), SGD(LR), epochs=3, batch_size=10, seeds=[0])

    assert torch.equal(fitted(labels), fitted(torch.nn.functional.one_hot(labels, 2).double()))


def test_examples_are_left_as_they_were(report_model: str) -> None:
    x, t = torch.randn(ROWS, 2), torch.randn(ROWS, 2)
    before = x.clone(), t.clone()
    model = build_model(report_model).initialize([0])
    fit(model, Examples(x, t), Loss.of("mse"), SGD(LR), epochs=2, batch_size=10, seeds=[0])
    assert torch.equal(x, before[0])
    assert torch.equal(t, before[1])


def test_the_model_is_trained_in_place(report_model: str) -> None:
    model = build_model(report_model).initialize([0])
    where = model.parameters.values.data_ptr()
    x, t = torch.randn(ROWS, 2), torch.randn(ROWS, 2)
    fit(model, Examples(x, t), Loss.of("mse"), SGD(LR), epochs=1, batch_size=10, seeds=[0])
    assert model.parameters.values.data_ptr() == where
    assert model.named_parameters()["0.weight"].value.data_ptr() == where


def test_no_epochs_are_no_losses(report_model: str) -> None:
    model = build_model(report_model).initialize([0, 1])
    examples = Examples(torch.zeros(ROWS, 2), torch.zeros(ROWS, 2))
    history = fit(model, examples, Loss.of("mse"), SGD(LR), epochs=0, batch_size=10, seeds=[0, 1])
    assert history.shape == (0, 2)
