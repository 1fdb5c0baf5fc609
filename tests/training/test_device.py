"""Where a training computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from minidl_core.errors import RequestError
from minidl_core.runs import train
from minidl_core.training import Training, load_model, save_model

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")

MODEL = "linear(_,16)-relu-linear(16,16)-tanh-linear(16,_)"


def trained(device: str, capture: bool = True, rounds: int = 3) -> Training:
    options = {"loss": "cross_entropy", "optimizer": "adam(lr=0.01)", "epochs": 4, "batch_size": 32, "dtype": "float64"}
    return train(MODEL, "moons(n=200)", rounds=rounds, device=device, capture=capture, **options)


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
    on_gpu, on_cpu = trained("cuda", capture, rounds), trained("cpu", capture, rounds)
    assert caplog.messages == []
    assert on_gpu.trained.model.parameters.values.is_cuda
    torch.testing.assert_close(on_gpu.history, on_cpu.history, rtol=1e-9, atol=1e-11)
    for ours, theirs in zip(on_gpu.test["accuracy"].values, on_cpu.test["accuracy"].values, strict=True):
        assert ours == pytest.approx(theirs, abs=0.006)


@needs_cuda
def test_the_captured_step_is_a_cuda_graph() -> None:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        trained("cuda")
    assert any("GraphLaunch" in event.name for event in profiled.events())


@needs_cuda
def test_a_model_trained_on_a_gpu_is_saved_and_loaded(tmp_path: Path) -> None:
    training = trained("cuda")
    save_model(training.trained, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    torch.testing.assert_close(loaded.model.parameters.values, training.trained.model.parameters.values.cpu())
