"""Every core loss against autograd, torch.nn and central differences; weights, rounds, and calls in order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core.errors import CallOrderError
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
@any_rounds
@pytest.mark.parametrize("weighted", [False, True])
def test_backward_equals_autograd_through_forward(spec: str, rounds: tuple[int, ...], weighted: bool) -> None:
    loss, y, t = Loss.of(spec), sample(*rounds, N, FEATURES, seed=1), sample(*rounds, N, FEATURES, seed=2)
    w = weights(*rounds, N) if weighted else None
    loss.forward(y, t, w)
    found = loss.backward()
    leaf = y.clone().requires_grad_()
    loss.forward(leaf, t, w).sum().backward()
    torch.testing.assert_close(found, leaf.grad, rtol=1e-12, atol=1e-15)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_backward_equals_central_differences(spec: str, weighted: bool) -> None:
    loss, y, t = Loss.of(spec), sample(N, FEATURES, seed=1), sample(N, FEATURES, seed=2)
    w = weights(N) if weighted else None
    loss.forward(y, t, w)
    found = loss.backward()
    h = 1e-6
    for index in product(range(N), range(FEATURES)):
        step = torch.zeros_like(y)
        step[index] = h
        slope = (loss.forward(y + step, t, w) - loss.forward(y - step, t, w)) / (2 * h)
        assert found[index].item() == pytest.approx(slope.item(), abs=1e-8)


@every_loss
@any_rounds
def test_each_round_of_a_batched_loss_equals_that_round_alone(spec: str, rounds: tuple[int, ...]) -> None:
    loss, y, t = Loss.of(spec), sample(*rounds, N, FEATURES, seed=1), sample(*rounds, N, FEATURES, seed=2)
    w = weights(*rounds, N)
    batched, dy = loss.forward(y, t, w), loss.backward()
    for index in product(*map(range, rounds)):
        torch.testing.assert_close(batched[index], loss.forward(y[index], t[index], w[index]), rtol=1e-12, atol=0)
        torch.testing.assert_close(dy[index], loss.backward(), rtol=1e-12, atol=1e-15)


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
def test_equal_weights_change_nothing(spec: str) -> None:
    loss, y, t = Loss.of(spec), sample(N, FEATURES, seed=1), sample(N, FEATURES, seed=2)
    expected, dy = loss.forward(y, t), loss.backward()
    torch.testing.assert_close(loss.forward(y, t, torch.full((N,), 0.3)), expected, rtol=1e-7, atol=0)
    torch.testing.assert_close(loss.backward(), dy, rtol=1e-7, atol=0)


@every_loss
def test_a_perfect_output_has_no_loss_and_no_gradient(spec: str) -> None:
    loss, y = Loss.of(spec), sample(N, FEATURES, seed=1)
    assert loss.forward(y, y.clone()) == 0
    assert not loss.backward().any()


@every_loss
def test_backward_before_forward_is_refused(spec: str) -> None:
    with pytest.raises(CallOrderError, match="backward was called before forward; call forward first"):
        Loss.of(spec).backward()


@every_loss
def test_output_target_and_weights_are_left_as_they_were(spec: str) -> None:
    given = sample(N, FEATURES, seed=1), sample(N, FEATURES, seed=2), weights(N)
    before = [tensor.clone() for tensor in given]
    loss = Loss.of(spec)
    loss.forward(*given)
    loss.backward()
    assert all(torch.equal(one, other) for one, other in zip(given, before, strict=True))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradient_have_the_dtype_of_the_output(spec: str, dtype: torch.dtype) -> None:
    loss, y, t = Loss.of(spec), sample(N, FEATURES, seed=1).to(dtype), sample(N, FEATURES, seed=2).to(dtype)
    assert loss.forward(y, t, weights(N)).dtype == dtype
    assert loss.backward().dtype == dtype
