"""Activations, norms and dropout in trainings: captured or not, of rounds, saved, stopped and gone on with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import minidl_core
from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.errors import RequestError
from minidl_core.losses import Loss
from minidl_core.nn.buffers import buffers_of
from minidl_core.optim import SGD
from minidl_core.runs import recorded
from minidl_core.spec import build_model
from minidl_core.training import fit, load_model, save_model
from minidl_core.training.capture import CapturedStep

LAYERS = [
    "leaky_relu", "elu", "gelu", "gelu(tanh)", "silu", "softplus", "hardtanh", "prelu", "prelu(_)", "softmax",
    "log_softmax", "dropout", "dropout(0)", "batch_norm(_)", "batch_norm(_,momentum=none)",
    "batch_norm(_,track_running_stats=false)", "batch_norm(_,affine=false)", "layer_norm(_)",
    "layer_norm(_,bias=false)", "rms_norm(_)",
]  # fmt: skip
NORMED = "linear(_,6)-batch_norm(_)-relu-dropout(0.2)-linear(_,5)-batch_norm(_,momentum=none)-tanh-linear(_,_)"
TRAINING: dict[str, Any] = {"epochs": 6, "batch_size": 16, "optimizer": "sgd(lr=0.3)", "dtype": "float64"}


def data(rounds: int, rows: int = 37) -> Examples:
    random = torch.Generator().manual_seed(0)
    axes = (rounds,) if rounds > 1 else ()
    x, t = (torch.randn(*axes, rows, 3, dtype=torch.float64, generator=random) for _ in range(2))
    return Examples(x, t)


def learned(model: Any) -> dict[str, Tensor]:
    """The weights, and whatever layers remember."""
    found = {"weights": model.parameters.values.clone()}
    for place, layer in model.layers_within().items():
        found |= {f"{place}.{name}": buffer.clone() for name, buffer in buffers_of(layer).items()}
    return found


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_captured_training_gives_what_a_plain_one_gives(
    layer: str, rounds: int, caplog: pytest.LogCaptureFixture
) -> None:
    def run(capture: bool) -> tuple[Tensor, dict[str, Tensor]]:
        model = build_model(f"linear(3,6)-{layer}-linear(_,3)").initialize(range(rounds), dtype=torch.float64)
        options = {"epochs": 4, "batch_size": 18, "seeds": range(rounds)}  # the last batch of an epoch has one row
        return fit(model, data(rounds), Loss.of("mse"), SGD(0.1), capture=capture, **options), learned(model)

    with caplog.at_level(logging.WARNING, "minidl"):
        torch.testing.assert_close(run(True), run(False), rtol=1e-10, atol=1e-12)
    assert caplog.messages == []


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_step_is_replayed(layer: str, rounds: int) -> None:
    model = build_model(f"linear(3,6)-{layer}-linear(_,3)").initialize(range(rounds), dtype=torch.float64)
    step = CapturedStep(model, Loss.of("mse"), SGD(0.1), threads=1)
    batches = Batches(data(rounds, 40), 10, range(rounds), model.parameters.rounds)
    losses = torch.empty(4, *model.parameters.rounds, dtype=torch.float64)
    for epoch in range(2):
        for block in batches.blocks(epoch):
            step.run(block, losses, lambda: False)
    assert [(phase.stage[0], phase.obstacle) for phase in step.phases()] == [("settled", None)] * 2


def test_dropout_draws_anew_in_each_replay_and_each_round() -> None:
    model = build_model("dropout-linear(1,1,bias=false)").initialize(range(2), dtype=torch.float64)
    seen = []

    def after_epoch(*_: object) -> None:
        seen.append(model.parameters.grads.clone())

    ones = torch.ones(2, 64, 1, dtype=torch.float64)
    options = {"epochs": 12, "batch_size": 64, "seeds": range(2)}
    fit(model, Examples(ones, ones), Loss.of("mse"), SGD(1e-9), on_epoch=after_epoch, **options)
    gradients = torch.stack(seen)
    assert len(gradients.unique()) > 15, "another mask in nearly each epoch and round"
    assert not torch.equal(gradients[:, 0], gradients[:, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_model_is_saved_and_loaded_as_it_is(rounds: int, dtype: str, tmp_path: Path) -> None:
    done = minidl_core.train(NORMED, "disk(n=60)", rounds=rounds, **{**TRAINING, "dtype": dtype})
    save_model(done.trained, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    rows = torch.randn(25, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    inputs = done.trained.features.apply(rows, done.trained.model.parameters.values.dtype)
    assert torch.equal(loaded.outputs(inputs), done.trained.outputs(inputs))
    assert loaded.predict(rows) == done.trained.predict(rows)
    found, expected = learned(loaded.model), learned(done.trained.model)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    axes = (rounds,) if rounds > 1 else ()
    assert found["1.running_mean"].shape == (*axes, 6)
    assert found["5.num_batches_tracked"].shape == axes
    assert (found["5.num_batches_tracked"] == 6 * 4).all()


def test_a_round_among_several_is_the_run_of_its_own() -> None:
    model = NORMED.replace("-dropout(0.2)", "")  # whose masks come from one generator for all rounds
    together = minidl_core.train(model, "disk(n=60)", rounds=3, **TRAINING)
    whole, rows = learned(together.trained.model), torch.rand(9, 2, dtype=torch.float64)
    for r in range(3):
        alone = minidl_core.train(model, "disk(n=60)", seed=r, rounds=1, **TRAINING)
        for name, tensor in learned(alone.trained.model).items():
            torch.testing.assert_close(whole[name][r], tensor, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(
            together.trained.outputs(rows)[r], alone.trained.outputs(rows), rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("steps", [3, 9])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(
    steps: int, rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_drawn(*_: object) -> str:
        raise RequestError("a report takes longer than the training")

    monkeypatch.setattr(recorded, "report_of", not_drawn)
    monkeypatch.chdir(tmp_path)
    taken = iter(range(1, 100))
    options = {**TRAINING, "rounds": rounds}
    whole = minidl_core.train(NORMED, "disk(n=60)", **options)
    minidl_core.train(NORMED, "disk(n=60)", out="run", stop=lambda: next(taken) == steps, **options)
    resumed = minidl_core.resume("run")
    assert torch.equal(resumed.history, whole.history)
    found, expected = learned(resumed.trained.model), learned(whole.trained.model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_early_stopping_keeps_what_a_round_had_learned_by_its_best_epoch() -> None:
    options = {**TRAINING, "rounds": 3, "optimizer": "sgd(lr=1.5)", "epochs": 40}
    model = NORMED.replace("-dropout(0.2)", "")
    stopped = minidl_core.train(model, "disk(n=60)", patience=2, **options)
    assert stopped.best_epochs is not None
    assert len(set(stopped.best_epochs)) > 1
    for r, epochs in enumerate(stopped.best_epochs):
        until = minidl_core.train(model, "disk(n=60)", **{**options, "epochs": epochs})
        for name, tensor in learned(until.trained.model).items():
            torch.testing.assert_close(learned(stopped.trained.model)[name][r], tensor[r], rtol=1e-9, atol=1e-11)
