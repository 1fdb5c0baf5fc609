"""Activations, softmax and dropout against `torch.nn` and autograd, in float64; and what each does far out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from minidl_extra_layers.dropout import Dropout
from minidl_extra_layers.elu import ELU
from minidl_extra_layers.gelu import GELU
from minidl_extra_layers.hardtanh import Hardtanh
from minidl_extra_layers.leaky_relu import LeakyReLU
from minidl_extra_layers.prelu import PReLU
from minidl_extra_layers.silu import SiLU
from minidl_extra_layers.softmax import LogSoftmax, Softmax
from minidl_extra_layers.softplus import Softplus
from torch import Tensor

from minidl_core.errors import ArgumentError, ShapeError, SpecError
from minidl_core.nn import Module
from minidl_core.spec import build_model

PAIRS: list[tuple[Module, torch.nn.Module]] = [
    (LeakyReLU(), torch.nn.LeakyReLU()),
    (LeakyReLU(-0.3), torch.nn.LeakyReLU(-0.3)),
    (ELU(), torch.nn.ELU()),
    (ELU(alpha=0.4), torch.nn.ELU(alpha=0.4)),
    (GELU(), torch.nn.GELU()),
    (GELU(approximate="tanh"), torch.nn.GELU(approximate="tanh")),
    (SiLU(), torch.nn.SiLU()),
    (Softplus(), torch.nn.Softplus()),
    (Softplus(beta=3, threshold=2), torch.nn.Softplus(beta=3, threshold=2)),
    (Hardtanh(), torch.nn.Hardtanh()),
    (Hardtanh(0, 6), torch.nn.ReLU6()),
    (Softmax(), torch.nn.Softmax(-1)),
    (Softmax(dim=-2), torch.nn.Softmax(-2)),
    (LogSoftmax(), torch.nn.LogSoftmax(-1)),
    (LogSoftmax(dim=-2), torch.nn.LogSoftmax(-2)),
]
named = pytest.mark.parametrize(("layer", "peer"), PAIRS, ids=[str(layer) for layer, _ in PAIRS])
NUMBERS = st.lists(st.floats(-60, 60), min_size=24, max_size=24)


def peers(peer: torch.nn.Module, x: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    leaf = x.clone().requires_grad_()
    y = peer(leaf)
    return y.detach(), torch.autograd.grad(y, leaf, dy)[0]


@named
@settings(max_examples=25, deadline=None)
@given(NUMBERS, NUMBERS)
def test_it_equals_torchs(layer: Module, peer: torch.nn.Module, x: list[float], dy: list[float]) -> None:
    ours, gradient = (torch.tensor(one, dtype=torch.float64).reshape(2, 3, 4) for one in (x, dy))
    found = layer.forward(ours), layer.backward(gradient)
    for one, other in zip(found, peers(peer, ours, gradient), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@named
def test_it_is_finite_far_out_in_float32(layer: Module, peer: torch.nn.Module) -> None:
    x = torch.tensor([[[-1e12, -1e6, -200.0, -88.8, 0.0, 88.8, 200.0, 1e6, 1e12]] * 2])
    dy = torch.ones_like(x)
    found = layer.forward(x), layer.backward(dy)
    for one, other in zip(found, peers(peer, x.double(), dy.double()), strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other.float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("approximate", [None, "tanh"])
def test_gelu_has_digits_far_below_0(approximate: Any) -> None:
    found = GELU(approximate=approximate).forward(torch.tensor([-5.0]))
    exact = GELU(approximate=approximate).forward(torch.tensor([-5.0], dtype=torch.float64))
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)
    if approximate is None:
        assert exact.item() == pytest.approx(-5 * math.erfc(5 / math.sqrt(2)) / 2, rel=1e-14)


@pytest.mark.parametrize("layer", [layer for layer, _ in PAIRS], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_result_does_not_depend_on_where_a_number_stands(layer: Module, dtype: torch.dtype) -> None:
    x = 5 * torch.randn(41, 7, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    whole, gradient = layer.forward(x), layer.backward(x)
    for rows in range(1, 20):
        part = x[rows : 2 * rows].clone()
        assert torch.equal(layer.forward(part), whole[rows : 2 * rows])
        assert torch.equal(layer.backward(part), gradient[rows : 2 * rows])


@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("slopes", [1, 5])
def test_prelu_equals_torchs(slopes: int, axes: int) -> None:
    random = torch.Generator().manual_seed(0)
    x, dy = (torch.randn(4, *(5, 2, 3)[:axes], dtype=torch.float64, generator=random) for _ in range(2))
    ours, peer = PReLU(slopes, axes=axes), torch.nn.PReLU(slopes).double()
    ours.initialize([0], dtype=torch.float64)
    assert torch.equal(ours.weight.value, peer.weight.detach())
    ours.weight.value.copy_(torch.randn(slopes, dtype=torch.float64, generator=random))
    peer.weight.data.copy_(ours.weight.value)
    y, dx = ours.forward(x), ours.backward(dy)
    expected_y, expected_dx = peers(peer, x, dy)
    peer(x).backward(dy)
    assert peer.weight.grad is not None
    torch.testing.assert_close([y, dx, ours.weight.grad], [expected_y, expected_dx, peer.weight.grad])


@pytest.mark.parametrize("p", [0.0, 0.2, 0.9])
def test_dropout_leaves_out_a_part_and_scales_the_rest(p: float) -> None:
    torch.manual_seed(0)
    layer, x = Dropout(p), torch.ones(3, 200, 100, dtype=torch.float64)
    y, dx = layer.forward(x), layer.backward(x)
    kept = y != 0
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 1 / (1 - p)), rtol=1e-15, atol=0)
    assert kept.double().mean((1, 2)).sub(1 - p).abs().max() < 0.01
    assert torch.equal(dx, y), "the gradient has the same mask"
    assert torch.equal(layer.forward(x), y) == (p == 0)
    if p:
        assert not torch.equal(y[0], y[1]), "each round has a mask of its own"
    layer.eval()
    assert torch.equal(layer.forward(x), x)
    assert torch.equal(layer.backward(y), y)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("elu(alpha=0)", "alpha must be greater than 0, got 0"),
        ("softplus(beta=0)", "beta must be greater than 0, got 0"),
        ("softplus(threshold=-1)", "threshold must be 0 or greater, got -1"),
        ("hardtanh(1,1)", "min_val must be less than max_val, 1, got 1"),
        ("softmax(dim=1)", "dim must be less than 0: -1 is the last axis of an example, -2 the one before, got 1"),
        ("log_softmax(dim=0)", "dim must be less than 0"),
        ("dropout(1)", "p must be 0 or greater and less than 1, got 1"),
        ("prelu(0)", "num_parameters must be at least 1, got 0"),
        ('gelu(approximate="none")', "approximate must be one of tanh or none, got 'none'"),
    ],
)
def test_arguments_out_of_range_are_refused(spec: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        build_model(spec)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("softmax(dim=-2)", "expects examples with 2 axes or more but gets 8"),
        ("log_softmax(dim=-2)", "expects examples with 2 axes or more but gets 8"),
        ("prelu(3)", "prelu has 3 slopes but gets 8 channels in 8"),
        ("prelu(axes=3)", "prelu expects examples with 3 axes but gets 8"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(spec: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        build_model(spec, (8,))
    assert message in str(error.value)


def test_prelu_refuses_other_channels_when_it_runs() -> None:
    with pytest.raises(ShapeError, match=r"prelu\(num_parameters=3\) expects 3 channels, got \[2, 4\]"):
        PReLU(3).forward(torch.ones(2, 4))
    with pytest.raises(ArgumentError):
        PReLU(3, axes=0)


@pytest.mark.parametrize(
    ("text", "shape", "canonical"),
    [
        ("leaky_relu(0.01)-elu(1)-softplus(1,20)-hardtanh(-1,1)", (4,), "leaky_relu-elu-softplus-hardtanh"),
        ("gelu(tanh)-silu-dropout(0.5)-softmax(-1)", (4,), 'gelu(approximate="tanh")-silu-dropout-softmax'),
        ("prelu-prelu(_)-prelu(1)", (4,), "prelu-prelu(num_parameters=4)-prelu"),
        ("prelu-prelu(_)", (4, 2, 2), "prelu(axes=3)-prelu(num_parameters=4,axes=3)"),
    ],
)
def test_canonical_text(text: str, shape: tuple[int, ...], canonical: str) -> None:
    assert str(build_model(text, shape)) == canonical == str(build_model(canonical, shape))
