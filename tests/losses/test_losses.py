"""Every core loss against torch.nn, and its sample weights; the conformance kit checks the rest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core.losses import Loss
from minidl_core.plugins import registry

N, FEATURES = 5, 3
ROUNDS = [(), (4,), (2, 3)]

CASES: dict[str, list[tuple[str, Callable[..., torch.nn.Module]]]] = {
    "mse": [("mse", torch.nn.MSELoss)],
    "mae": [("mae", torch.nn.L1Loss)],
}
SPECS = [spec for cases in CASES.values() for spec, _ in cases]
TWINS = [case for cases in CASES.values() for case in cases]
every_loss = pytest.mark.parametrize("spec", SPECS)
any_rounds = pytest.mark.parametrize("rounds", ROUNDS, ids=lambda rounds: f"rounds{list(rounds)}")


def sample(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(*shape: int) -> Tensor:
    return sample(*shape, seed=5).exp()


def test_every_core_loss_has_a_case() -> None:
    assert {one.name for one in registry().components("loss", plugin="core")} == set(CASES)


@pytest.mark.parametrize(("spec", "twin"), TWINS, ids=SPECS)
@any_rounds
def test_forward_and_backward_equal_torch_nn(
    spec: str, twin: Callable[..., torch.nn.Module], rounds: tuple[int, ...]
) -> None:
    loss, y, t = Loss.of(spec), sample(*rounds, N, FEATURES, seed=1), sample(*rounds, N, FEATURES, seed=2)
    found = loss.forward(y, t)
    dy = loss.backward()
    assert found.shape == rounds
    for index in product(*map(range, rounds)):
        leaf = y[index].clone().requires_grad_()
        expected = twin()(leaf, t[index])
        expected.backward()
        torch.testing.assert_close(found[index], expected.detach(), rtol=1e-12, atol=0)
        torch.testing.assert_close(dy[index], leaf.grad, rtol=1e-12, atol=1e-15)


@every_loss
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.float64])
@pytest.mark.parametrize("rounds", [(), (2,)], ids=str)
def test_whole_sample_weights_equal_repeated_rows(spec: str, dtype: torch.dtype, rounds: tuple[int, ...]) -> None:
    loss, y, t = Loss.of(spec), sample(*rounds, N, FEATURES, seed=1), sample(*rounds, N, FEATURES, seed=2)
    counts = torch.tensor([3, 0, 1, 7, 2])
    repeated = loss.forward(y.repeat_interleave(counts, -2), t.repeat_interleave(counts, -2))
    torch.testing.assert_close(loss.forward(y, t, counts.to(dtype).expand(*rounds, N)), repeated, rtol=1e-14, atol=0)


@every_loss
@settings(deadline=None, max_examples=25)
@given(scale=st.floats(1e-6, 1e6), seed=st.integers(0, 1000))
def test_only_the_proportions_of_sample_weights_count(spec: str, scale: float, seed: int) -> None:
    loss, y, t, w = Loss.of(spec), sample(N, FEATURES, seed=seed), sample(N, FEATURES, seed=seed + 1), weights(N)
    expected, dy = loss.forward(y, t, w), loss.backward()
    torch.testing.assert_close(loss.forward(y, t, scale * w), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.backward(), dy, rtol=1e-12, atol=1e-15)


@every_loss
def test_a_perfect_output_has_no_loss_and_no_gradient(spec: str) -> None:
    loss, y = Loss.of(spec), sample(N, FEATURES, seed=1)
    assert loss.forward(y, y.clone()) == 0
    assert not loss.backward().any()
