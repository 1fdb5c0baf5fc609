"""Steps that have been captured, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss
from minidl_core.nn import Module
from minidl_core.optim import Optimizer
from minidl_core.spec import build_model
from minidl_core.training.capture import CapturedStep, program, worth

Capture = Callable[..., CapturedStep]


@pytest.fixture
def without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `jit` is not installed."""
    monkeypatch.setattr(program, "is_available", lambda: False)


@pytest.fixture
def compiled_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code is made after the first check of a replay."""
    monkeypatch.setattr(worth, "MAKING", 0.0)


@pytest.fixture
def captured() -> Capture:
    """`captured(model, rounds=2, batch=10)`: the step of a training that has gone on for long enough to be replayed."""

    def made(
        model: Module | str,
        *,
        rounds: int = 1,
        batch: int = 10,
        loss: str = "mse",
        optimizer: Optimizer | str = "sgd",
        threads: int = 1,
        dtype: torch.dtype = torch.float32,
        **options: Any,
    ) -> CapturedStep:
        built = build_model(model) if isinstance(model, str) else model
        built.initialize(range(rounds), dtype=dtype)
        axes = built.parameters.rounds
        inputs = built.input_shape()
        assert inputs is not None
        random = torch.Generator().manual_seed(0)
        rows = 4 * batch
        x = torch.randn(*axes, rows, *inputs, dtype=dtype, generator=random)
        outputs = built.output_shape(inputs)
        if loss == "cross_entropy":
            target = torch.randint(outputs[-1], (*axes, rows), generator=random)
        else:
            target = torch.rand(*axes, rows, *outputs, dtype=dtype, generator=random)
        step = CapturedStep(built, Loss.of(loss), Optimizer.of(optimizer), threads=threads, **options)
        batches = Batches(Examples(x, target), batch, range(rounds), axes)
        losses = torch.empty(len(batches), *axes, dtype=dtype)
        for epoch in range(2):
            for block in batches.blocks(epoch):
                step.run(block, losses, lambda: False)
        return step

    return made
