"""Norms against `torch.nn` and autograd, in float64, in training and in evaluation, with rounds and without."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from minidl_extra_layers.batch_norm import BatchNorm
from minidl_extra_layers.layer_norm import LayerNorm
from minidl_extra_layers.rms_norm import RMSNorm
from torch import Tensor

from minidl_core.errors import ShapeError, SpecError
from minidl_core.nn import Module
from minidl_core.spec import build_model

RANDOM = torch.Generator().manual_seed(0)
TORCHS = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm2d, 4: torch.nn.BatchNorm3d}


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=RANDOM)


def same_weights(ours: Module, peers: list[Any]) -> None:
    """Draw weights, and give each round's to one of PyTorch's modules."""
    ours.initialize(range(len(peers)), dtype=torch.float64)
    for name, parameter in ours.named_parameters().items():
        for one, peer in zip(parameter.value if len(peers) > 1 else [parameter.value], peers, strict=True):
            assert torch.equal(one, getattr(peer, name).detach()), "as PyTorch's, they begin so"
        parameter.value.copy_(normal(*parameter.value.shape))
        for one, peer in zip(parameter.value if len(peers) > 1 else [parameter.value], peers, strict=True):
            getattr(peer, name).data.copy_(one)


def assert_equal(ours: Module, peers: list[Any], x: Tensor) -> None:
    """Outputs and gradients of a batch `[rounds, N, *shape]`, or without the axis where there is one peer."""
    dy = normal(*x.shape)
    several = len(peers) > 1
    y = ours.forward(x if several else x[0])
    dx = ours.backward(dy if several else dy[0])
    for r, peer in enumerate(peers):
        leaf = x[r].clone().requires_grad_()
        peer.zero_grad()
        expected = peer(leaf)
        expected.backward(dy[r])
        found = {"y": y[r] if several else y, "dx": dx[r] if several else dx}
        wanted = {"y": expected.detach(), "dx": leaf.grad}
        for name, parameter in ours.named_parameters().items():
            found[name] = parameter.grad[r] if several else parameter.grad
            wanted[name] = getattr(peer, name).grad
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("axes", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"momentum": 0.7, "eps": 0.1}, {"affine": False}, {"track_running_stats": False}],
    ids=str,
)
def test_batch_norm(options: dict[str, Any], axes: int, rounds: int) -> None:
    ours = BatchNorm(5, axes=axes, **options)
    peers = [TORCHS[axes](5, **options).double() for _ in range(rounds)]
    same_weights(ours, peers)
    for rows in (4, 7, 4):  # batches of several sizes; running ones are those of all
        assert_equal(ours, peers, 3 + 2 * normal(rounds, rows, *(5, 2, 3, 2)[:axes]))
    if ours.track_running_stats:
        for name in ("running_mean", "running_var"):
            expected = torch.stack([getattr(peer, name) for peer in peers])
            torch.testing.assert_close(getattr(ours, name), expected if rounds > 1 else expected[0])
    ours.eval()
    for peer in peers:
        peer.eval()
    assert_equal(ours, peers, normal(rounds, 6, *(5, 2, 3, 2)[:axes]))


def test_batch_norm_in_evaluation_takes_rows_for_all_rounds() -> None:
    ours = BatchNorm(2).initialize(range(3), dtype=torch.float64)
    ours.forward(normal(3, 8, 2))
    ours.eval()
    rows = normal(4, 2)
    assert torch.equal(ours.forward(rows), ours.forward(rows.expand(3, 4, 2)))
    assert not torch.equal(ours.forward(rows)[0], ours.forward(rows)[1])


def test_a_batch_of_one_number_for_each_channel_changes_no_running_ones() -> None:
    ours = BatchNorm(2, momentum=None).initialize([0], dtype=torch.float64)
    ours.forward(normal(8, 2))
    before = ours.running_mean.clone(), ours.running_var.clone(), ours.num_batches_tracked.clone()
    for rows in (1, 0):
        x = normal(rows, 2)
        assert torch.equal(ours.forward(x), torch.zeros_like(x))
        assert torch.equal(ours.backward(torch.ones_like(x)), torch.zeros_like(x))
    after = ours.running_mean, ours.running_var, ours.num_batches_tracked
    assert all(map(torch.equal, before, after))


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize(
    ("shape", "last"), [((5,), 5), ((5,), [5]), ((3, 5), 5), ((3, 5), [3, 5]), ((2, 3, 5), [3, 5]), ((2, 3, 5), 5)]
)
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}], ids=str)
def test_layer_norm_and_rms_norm(options: dict[str, Any], shape: tuple[int, ...], last: Any, rounds: int) -> None:
    for ours_class, torchs in ((LayerNorm, torch.nn.LayerNorm), (RMSNorm, torch.nn.RMSNorm)):
        if "bias" in options and ours_class is RMSNorm:
            continue
        ours: Any = ours_class(last, axes=len(shape), **options)
        peers = [torchs(last, **options).double() for _ in range(rounds)]
        same_weights(ours, peers)
        assert_equal(ours, peers, 3 + 2 * normal(rounds, 4, *shape))
        rows = normal(3, *shape)  # as many as rounds, which must not be taken for them
        each = ours.forward(rows.expand(rounds, 3, *shape))
        torch.testing.assert_close(ours.forward(rows).expand(each.shape), each, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "shape", "canonical"),
    [
        ("batch_norm(_)-layer_norm(_)-rms_norm(_)", (4,), "batch_norm(4)-layer_norm(4)-rms_norm(4)"),
        ("batch_norm(_,momentum=none)", (4, 2, 3), "batch_norm(4,momentum=none,axes=3)"),
        ("layer_norm(_)-rms_norm([2,3])", (4, 2, 3), "layer_norm(3,axes=3)-rms_norm([2,3],axes=3)"),
        ("layer_norm([4,2])", None, "layer_norm([4,2])"),
        ("rms_norm(3,axes=2)", None, "rms_norm(3,axes=2)"),
    ],
)
def test_canonical_text(text: str, shape: tuple[int, ...] | None, canonical: str) -> None:
    assert str(build_model(text, shape)) == canonical == str(build_model(canonical, shape))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("batch_norm(4)", "batch_norm expects 4 inputs but gets 8"),
        ("batch_norm(8,axes=3)", "batch_norm expects examples with 8 channels in 3 axes but gets 8"),
        ("layer_norm(4)", "layer_norm expects 4 inputs but gets 8"),
        ("layer_norm([2,8])", "layer_norm expects examples of 2 axes, the last 2x8, but gets 8"),
        ("rms_norm([4])", "rms_norm expects examples of 1 axis, the last 4, but gets 8"),
        ("batch_norm(0)", "num_features must be at least 1, got 0"),
        ("batch_norm(_,momentum=2)", "momentum must be between 0 and 1, or none, got 2"),
        ("batch_norm(_,eps=0)", "eps must be greater than 0, got 0"),
        ("layer_norm([2,0])", "normalized_shape must be a size or a list of sizes, each at least 1, got [2, 0]"),
        ("rms_norm(_,eps=0)", "eps must be greater than 0, or none, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(spec: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        build_model(spec, (8,))
    assert message in str(error.value)


@pytest.mark.parametrize("layer", [BatchNorm(4), LayerNorm(4), RMSNorm([4])], ids=str)
def test_other_sizes_are_refused_when_it_runs(layer: Module) -> None:
    with pytest.raises(ShapeError, match=r"expects .*4.*, got \[2, 5\]"):
        layer.forward(torch.ones(2, 5))
