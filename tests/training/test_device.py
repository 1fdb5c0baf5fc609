"""Where a training computes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from needs import needs
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.errors import DataError, RequestError
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential
from minidl_core.optim import SGD
from minidl_core.runs import resume, train
from minidl_core.training import Training, fit, load_model, save_model
from minidl_core.training.capture.whole_step import WholeStep

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
on_each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])

MODEL = "linear(_,16)-relu-linear(16,16)-tanh-linear(16,_)"
WINE = Path(__file__).parents[2] / "examples" / "data" / "wine.csv"


def trained(device: str, model: str = MODEL, data: Any = "moons(n=200)", **options: Any) -> Training:
    usual = {"rounds": 3, "epochs": 4, "batch_size": 32, "dtype": "float64"}
    return train(model, data, device=device, **{**usual, **options})


def assert_same_as_on_the_cpu(*arguments: Any, **options: Any) -> None:
    on_gpu, on_cpu = trained("cuda", *arguments, **options), trained("cpu", *arguments, **options)
    assert on_gpu.trained.model.parameters.values.is_cuda
    torch.testing.assert_close(on_gpu.history, on_cpu.history, rtol=1e-9, atol=1e-11)
    assert on_gpu.best_epochs == on_cpu.best_epochs
    for part, figures in on_cpu.parts.items():
        for name, figure in figures.items():
            assert on_gpu.parts[part][name].values == pytest.approx(figure.values, rel=1e-6, abs=0.006)


@pytest.mark.parametrize("device", ["tpu", "meta", "gpu", "mps", ""])
def test_another_device_is_refused(device: str) -> None:
    with pytest.raises(RequestError, match=f"device must be cpu or cuda, got '{device}'"):
        trained(device)


def test_a_cuda_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match=r"device 'cuda:99': PyTorch sees \d+ CUDA devices here; take cpu"):
        trained("cuda:99")


@needs_cuda
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("capture", [True, False])
def test_a_gpu_gives_what_the_cpu_gives(capture: bool, rounds: int, caplog: pytest.LogCaptureFixture) -> None:
    assert_same_as_on_the_cpu(capture=capture, rounds=rounds)
    assert caplog.messages == []


TRAININGS: dict[str, dict[str, Any]] = {
    "a table": {"data": str(WINE), "target": "cultivar"},
    "a schedule of each step": {"schedule": "one_cycle"},
    "a schedule by the loss": {"schedule": "reduce_on_plateau(patience=0)", "epochs": 8},
    "early stopping": {"patience": 1, "epochs": 30, "optimizer": "sgd(lr=1)"},
    "clipped gradients and penalties": {"clip_norm": 0.5, "l1": 1e-3, "l2": 1e-2},
    "batches of one size": {"batch_size": 50},
    "one batch": {"batch_size": 1000, "epochs": 8},
}


@needs_cuda
@pytest.mark.parametrize("name", TRAININGS)
def test_so_does_whatever_a_training_may_be(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert_same_as_on_the_cpu(**TRAININGS[name])
    assert caplog.messages == []


@needs_cuda
@needs("adam", "lamb", "ema", "cross_entropy", "batch_norm", "conv2d", "max_pool2d", "quantile")
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "cross_entropy", "optimizer": "adam(lr=0.01)"},
        {"loss": "cross_entropy(weight=[1,2])", "optimizer": "lamb"},
        {"loss": "cross_entropy", "optimizer": "ema(adam(lr=0.01),decay=0.9)"},
        {"model": "linear(_,8)-batch_norm(_)-relu-linear(8,_)", "patience": 2, "epochs": 9},
        {
            "model": "linear(_,16)-reshape(1,4,4)-conv2d(_,3,3,padding=1)-relu-max_pool2d(2)-flatten-linear(_,_)",
            "loss": "cross_entropy",
        },
        {"data": str(WINE), "target": "alcohol", "drop": "cultivar", "loss": "quantile"},
    ],
)
def test_so_do_components_of_plugins(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert_same_as_on_the_cpu(**options)
    assert caplog.messages == []


@needs_cuda
def test_a_captured_step_is_one_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    launches = []
    run = WholeStep.run
    monkeypatch.setattr(WholeStep, "run", lambda self, rows: launches.append(rows) or run(self, rows))
    epochs, batches = 6, 7  # the last batch of an epoch has a graph of its own
    trained("cuda", epochs=epochs)
    for_recording = 3 + 3
    assert len(launches) == epochs * batches - for_recording


@needs_cuda
@needs("dropout")
@pytest.mark.parametrize("capture", [True, False])
def test_random_numbers_of_a_gpu_are_drawn_from_the_seed(capture: bool, caplog: pytest.LogCaptureFixture) -> None:
    model = "linear(_,16)-relu-dropout(0.3)-linear(16,_)"
    torch.cuda.manual_seed_all(5)
    expected = torch.rand(3, device="cuda")
    torch.cuda.manual_seed_all(5)
    first, second = trained("cuda", model, epochs=6, capture=capture), trained("cuda", model, epochs=6)
    torch.testing.assert_close(first.history, second.history, rtol=1e-9, atol=1e-11)
    assert torch.equal(torch.rand(3, device="cuda"), expected)  # others go on with theirs
    assert caplog.messages == []


@on_each_device
@needs("batch_norm", "dropout")
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 13, 22])
def test_a_training_goes_on_bit_for_bit(steps: int, device: str, tmp_path: Path) -> None:
    options = {"data": str(WINE), "target": "cultivar", "epochs": 9, "schedule": "reduce_on_plateau(patience=0)"}
    model = "linear(_,16)-batch_norm(_)-relu-dropout(0.2)-linear(16,_)"
    left = iter(range(1, steps + 1))
    whole = trained(device, model, **options)
    trained(device, model, out=tmp_path / "run", stop=lambda: next(left) == steps, **options)
    gone_on = resume(tmp_path / "run")
    assert torch.equal(gone_on.history, whole.history)
    assert torch.equal(gone_on.trained.model.parameters.values, whole.trained.model.parameters.values)


@needs_cuda
def test_a_model_trained_on_a_gpu_is_saved_and_loaded(tmp_path: Path) -> None:
    training = trained("cuda", data=str(WINE), target="cultivar")
    save_model(training.trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    torch.testing.assert_close(loaded.model.parameters.values, training.trained.model.parameters.values.cpu())
    assert loaded.predict(str(WINE)) == training.trained.predict(str(WINE))


@needs_cuda
def test_two_trainings_in_threads_do_not_mix_on_a_gpu() -> None:
    alone = [trained("cuda", seed=seed, epochs=30) for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: trained("cuda", seed=seed, epochs=30), range(2)))
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.history, other.history, rtol=1e-9, atol=1e-11)


@needs_cuda
def test_the_command_line_trains_on_a_gpu(tmp_path: Path) -> None:
    command = ["train", str(WINE), "--target", "cultivar", "--model", MODEL, "--epochs", "3", "--device", "cuda"]
    for arguments in (
        [*command, "--out", "run"],
        ["train", "--resume", "run", "--epochs", "5"],
        ["evaluate", "run", WINE],
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "minidl_core", *map(str, arguments), "--json"],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr
        assert "not captured" not in ended.stderr
        assert json.loads(ended.stdout)


class Own(Module):
    """One of a user's own, of which only the formula counts here."""

    count: Tensor

    def __init__(self, formula: Callable[[Own, Tensor], Tensor]) -> None:
        self.formula = formula
        self.count = torch.zeros((), dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.formula(self, x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def with_own(formula: Callable[[Own, Tensor], Tensor], device: str, capture: bool = True) -> Tensor:
    """The history of a small training."""
    random = torch.Generator().manual_seed(0)
    x, target = (torch.randn(50, 3, dtype=torch.float64, generator=random).to(device) for _ in range(2))
    model = Sequential(Linear(3, 4), Own(formula), Linear(4, 3))
    model.initialize([0], dtype=torch.float64, device=device)
    options = {"epochs": 5, "batch_size": 10, "seeds": [0], "capture": capture}
    return fit(model, Examples(x, target), MSE(), SGD(0.1), **options).cpu()


def counted_on_the_cpu(own: Own, x: Tensor) -> Tensor:
    own.count += 1
    return x / own.count


def scaled_by_a_list(_: Own, x: Tensor) -> Tensor:
    return x * x.new_tensor([1.0, 2.0, 3.0, 4.0])


def set_by_zeros(_: Own, x: Tensor) -> Tensor:
    return x + torch.zeros_like(x).index_fill(-1, torch.tensor([1], device=x.device), 0.5)


def by_way_of_the_cpu(_: Own, x: Tensor) -> Tensor:
    return (x.cpu() * 2).to(x.device)


def chosen(_: Own, x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.5)


def inverse(_: Own, x: Tensor) -> Tensor:
    return x @ torch.linalg.inv(torch.eye(4, dtype=x.dtype, device=x.device) + 0 * x.mT @ x)


def inverse_and_random(own: Own, x: Tensor) -> Tensor:
    return inverse(own, x * (torch.rand_like(x) > 0.5))


CAPTURED = [scaled_by_a_list, set_by_zeros, by_way_of_the_cpu, chosen]
NO_GRAPH = {
    counted_on_the_cpu: "it has to do with tensors on the CPU, and is no CUDA graph",
    inverse: "it cannot be a CUDA graph",
    inverse_and_random: "it cannot be a CUDA graph",
}


@on_each_device
@pytest.mark.parametrize("formula", [*CAPTURED, *NO_GRAPH])
def test_a_layer_of_ones_own_is_replayed_as_it_runs_plainly(
    formula: Any, device: str, caplog: pytest.LogCaptureFixture
) -> None:
    captured, plain = with_own(formula, device), with_own(formula, device, capture=False)
    torch.testing.assert_close(captured, plain, rtol=1e-10, atol=1e-12)
    expected = [NO_GRAPH[formula]] if device == "cuda" and formula in NO_GRAPH else []
    assert [text in message for text, message in zip(expected, caplog.messages, strict=True)] == [True] * len(expected)


@needs_cuda
def test_a_generator_of_a_layers_own_is_drawn_from_anew(caplog: pytest.LogCaptureFixture) -> None:
    def noise(generator: torch.Generator) -> Callable[[Own, Tensor], Tensor]:
        return lambda _, x: x * torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=generator)

    captured, plain = (
        with_own(noise(torch.Generator("cuda").manual_seed(3)), "cuda", capture) for capture in (True, False)
    )
    torch.testing.assert_close(captured, plain, rtol=1e-10, atol=1e-12)
    assert caplog.messages == []


@needs_cuda
def test_after_a_capture_that_failed_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with_own(inverse_and_random, "cuda")
    caplog.clear()
    with_own(lambda _, x: x * (torch.rand_like(x) > 0.5), "cuda")
    assert caplog.messages == []


def rates_of_rounds(device: str, rates: Tensor) -> Tensor:
    random = torch.Generator().manual_seed(0)
    x, target = (torch.randn(3, 40, 3, dtype=torch.float64, generator=random).to(device) for _ in range(2))
    model = Sequential(Linear(3, 4), Linear(4, 3)).initialize([0, 1, 2], dtype=torch.float64, device=device)
    optimizer = SGD()
    optimizer.lr = rates
    options: dict[str, Any] = {"on_epoch": lambda *told: told[1] < 1.1}
    return fit(model, Examples(x, target), MSE(), optimizer, epochs=9, batch_size=10, seeds=[0, 1, 2], **options).cpu()


RATES = torch.tensor([[0.1], [0.05], [0.01]], dtype=torch.float64)


@needs_cuda
def test_rounds_have_rates_of_their_own_on_a_gpu() -> None:
    torch.testing.assert_close(rates_of_rounds("cuda", RATES.cuda()), rates_of_rounds("cpu", RATES))


@needs_cuda
def test_rates_that_are_elsewhere_are_refused() -> None:
    with pytest.raises(
        RequestError, match=re.escape("lr is a tensor on cpu; it must be where the model is, on cuda:0")
    ):
        rates_of_rounds("cuda", RATES)


def test_so_are_those_without_numbers() -> None:
    with pytest.raises(RequestError, match=re.escape("lr is a tensor on meta; it must be where the model is, on cpu")):
        rates_of_rounds("cpu", RATES.to("meta"))


@on_each_device
@needs("embedding")
def test_an_index_of_no_row_is_told(device: str) -> None:
    x = torch.arange(40.0).reshape(20, 2) % 12
    data = {"a": x[:, 0].numpy(), "b": x[:, 1].numpy(), "y": (x.sum(-1) / 9).numpy()}
    with pytest.raises(DataError, match=r"takes whole numbers from 0 to 9, got 1[01]"):
        trained(device, "embedding(10,3)-flatten(axes=2)-linear(_,_)", pl.DataFrame(data), scaling="none", target="y")
