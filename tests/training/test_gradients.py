"""Penalties and a limit to the norm of gradients, against autograd and PyTorch's own clipping."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import ArgumentError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Sequential, Tanh
from minidl_core.optim import SGD
from minidl_core.training import fit
from minidl_core.training.gradients import Gradients

CHOICES = [
    {"l1": 0.02},
    {"l2": 0.3},
    {"clip_norm": 0.05},
    {"clip_norm": 100.0},
    {"clip_norm": 0.3, "l1": 0.1, "l2": 1.0},
]
ROWS, STEPS, LR = 8, 6, 0.2


def examples(rounds: int) -> Examples:
    generator = torch.Generator().manual_seed(0)
    axes = (rounds,) if rounds > 1 else ()
    return Examples(*(torch.randn(*axes, ROWS, 3, dtype=torch.float64, generator=generator) for _ in range(2)))


def network(rounds: int) -> Sequential:
    return Sequential(Linear(3, 4), Tanh(), Linear(4, 3)).initialize(range(rounds), dtype=torch.float64)


def trained(rounds: int, gradients: Gradients | None, capture: bool = True) -> Tensor:
    model = network(rounds)
    options = {"epochs": STEPS, "batch_size": ROWS, "seeds": range(rounds), "capture": capture}
    fit(model, examples(rounds), MSE(), SGD(LR), gradients=gradients, **options)
    return model.parameters.values.clone()


def torchs(rounds: int, index: int, clip_norm: float | None = None, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    """The weights of one round as PyTorch trains them, the penalties within its loss."""
    all_rounds = network(rounds)
    mine = [(value if rounds == 1 else value[index]).clone().requires_grad_() for value, _ in all_rounds.param() or []]
    data = examples(rounds)
    x, t = (data.features, data.target) if rounds == 1 else (data.features[index], data.target[index])
    optimizer = torch.optim.SGD(mine, LR)
    w1, b1, w2, b2 = mine
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss((x @ w1 + b1).tanh() @ w2 + b2, t)
        penalty = sum((l1 * w.abs().sum() + l2 / 2 * (w**2).sum() for w in mine), torch.tensor(0.0))
        (loss + penalty).backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(mine, clip_norm)
        optimizer.step()
    return torch.cat([w.detach().reshape(-1) for w in mine])


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_each_round_is_trained_as_pytorch_trains_it(choice: dict[str, float], rounds: int, capture: bool) -> None:
    found = trained(rounds, Gradients(**choice), capture).reshape(rounds, -1)
    for index in range(rounds):
        torch.testing.assert_close(found[index], torchs(rounds, index, **choice), rtol=1e-9, atol=1e-11)


def test_each_of_them_makes_a_difference_but_for_a_limit_that_is_never_reached() -> None:
    without = trained(1, None)
    assert torch.equal(trained(1, Gradients()), without)
    differ = [not torch.allclose(trained(1, Gradients(**choice)), without) for choice in CHOICES]
    assert differ == [choice != {"clip_norm": 100.0} for choice in CHOICES]


def test_they_cannot_be_changed_behind_a_captured_steps_back() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Gradients().l2 = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"clip_norm": 0.0}, "clip_norm must be greater than 0 and finite, got 0.0"),
        ({"clip_norm": float("inf")}, "clip_norm must be greater than 0"),
        ({"l1": -1.0}, "l1 must be 0 or greater, and finite, got -1.0"),
        ({"l2": float("nan")}, "l2 must be 0 or greater, and finite, got nan"),
    ],
)
def test_what_is_out_of_range_is_refused(choice: dict[str, float], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        Gradients(**choice)
