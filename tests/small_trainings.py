"""Small trainings, captured or not, that start from the same seeds each time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential
from minidl_core.optim import SGD, Optimizer
from minidl_core.plugins import registry
from minidl_core.training import fit

ROWS, BATCH, EPOCHS = 23, 6, 5  # the last batch of an epoch has five rows

AROUND = {"ema": "ema(adam(lr=0.03),decay=0.9)", "swa": "swa(sgd(lr=0.3),start=7,every=2)"}
"""Optimizers that take another."""
OPTIMIZERS = [AROUND.get(one.name, one.name) for one in registry().components("optimizer")]
"""The spec of each that is installed."""


def data(rounds: int = 1) -> Examples:
    generator = torch.Generator().manual_seed(0)
    axes = (rounds,) if rounds > 1 else ()
    x, t = (torch.randn(*axes, ROWS, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    return Examples(x, t)


def trained(
    layer: Module | None = None, optimizer: Optimizer | None = None, rounds: int = 1, **options: Any
) -> tuple[Tensor, Tensor, Sequential]:
    """The history, the weights and the model, from the same seeds each time."""
    layers = [Linear(3, 4), *([layer] if layer else []), Linear(4, 3)]
    model = Sequential(*layers).initialize(range(rounds), dtype=torch.float64)
    torch.manual_seed(7)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "seeds": range(rounds), **options}
    history = fit(model, data(rounds), MSE(), optimizer or SGD(0.1), **options)
    return history, model.parameters.values, model


def assert_same(captured: Any, plain: Any) -> None:
    for one, other in zip(captured[:2], plain[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
