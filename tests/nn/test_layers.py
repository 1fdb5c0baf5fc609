"""Every core layer against torch.nn, and what a layer promises beyond what the conformance kit checks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from minidl_core.nn import Module
from minidl_core.plugins import registry
from minidl_core.spec import build_model

N, FEATURES = 5, 3
ROUNDS = [(), (4,), (2, 3)]

CASES: dict[str, list[tuple[str, Callable[[], torch.nn.Module]]]] = {
    "linear": [
        ("linear(3,4)", lambda: torch.nn.Linear(3, 4)),
        ("linear(3,2,bias=false)", lambda: torch.nn.Linear(3, 2, bias=False)),
        ("linear(3,1,init=xavier_normal)", lambda: torch.nn.Linear(3, 1)),
    ],
    "relu": [("relu", torch.nn.ReLU)],
    "tanh": [("tanh", torch.nn.Tanh)],
    "sigmoid": [("sigmoid", torch.nn.Sigmoid)],
    "sequential": [
        (
            "linear(3,4)-relu-linear(4,4)-tanh-linear(4,2)-sigmoid",
            lambda: torch.nn.Sequential(
                torch.nn.Linear(3, 4),
                torch.nn.ReLU(),
                torch.nn.Linear(4, 4),
                torch.nn.Tanh(),
                torch.nn.Linear(4, 2),
                torch.nn.Sigmoid(),
            ),
        ),
        (
            "hidden:(linear(3,4)-sigmoid)-linear(4,2,bias=false)",
            lambda: torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 2, bias=False)),
        ),
    ],
}
SPECS = [spec for cases in CASES.values() for spec, _ in cases]
TWINS = [case for cases in CASES.values() for case in cases]
every_layer = pytest.mark.parametrize("spec", SPECS)
any_rounds = pytest.mark.parametrize("rounds", ROUNDS, ids=lambda rounds: f"rounds{list(rounds)}")


def bound(spec: str, rounds: tuple[int, ...] = (), dtype: torch.dtype = torch.float64) -> Module:
    """The layer with random parameters `[*rounds, *shape]`."""
    model = build_model(spec)
    layer = model if len(model) > 1 else model[0]
    random = torch.Generator().manual_seed(1)
    for parameter in layer.named_parameters().values():
        value = torch.randn(*rounds, *parameter.shape, generator=random, dtype=torch.float64).to(dtype)
        parameter.bind(value, torch.full_like(value, torch.nan))
    return layer


def sample(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(layer: Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """By the layer's own backward: with respect to the input, then to each parameter."""
    layer.forward(x)
    dx = layer.backward(dy)
    return [dx, *(parameter.grad.clone() for parameter in layer.named_parameters().values())]


def member(layer: Module, index: tuple[int, ...]) -> Module:
    """One round of a layer as a layer of its own."""
    alone = copy.deepcopy(layer)
    for parameter in alone.named_parameters().values():
        parameter.bind(parameter.value[index].clone(), parameter.grad[index].clone())
    return alone


def all_close(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_every_core_layer_has_a_case() -> None:
    assert {one.name for one in registry().components("layer", plugin="core")} == set(CASES)


@pytest.mark.parametrize(("spec", "twin"), TWINS, ids=SPECS)
@any_rounds
def test_forward_and_backward_equal_torch_nn(
    spec: str, twin: Callable[[], torch.nn.Module], rounds: tuple[int, ...]
) -> None:
    layer = bound(spec, rounds)
    x = sample(*rounds, N, FEATURES)
    y = layer.forward(x)
    dy = sample(*y.shape, seed=3)
    found = gradients(layer, x, dy)

    for index in product(*map(range, rounds)):
        peer = twin().double()
        leaf = x[index].clone().requires_grad_()
        ours = [parameter.value[index] for parameter in layer.named_parameters().values()]
        with torch.no_grad():
            for theirs, value in zip(peer.parameters(), ours, strict=True):
                theirs.copy_(value.mT if value.dim() == 2 else value)
        expected = peer(leaf)
        dx, *grads = torch.autograd.grad(expected, [leaf, *peer.parameters()], dy[index])
        all_close([y[index]], [expected.detach()], 1e-8)
        all_close(
            [grad[index] for grad in found], [dx, *(grad.mT if grad.dim() == 2 else grad for grad in grads)], 1e-8
        )


@pytest.mark.parametrize("spec", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_round_of_an_activation_equals_that_round_alone_to_the_last_bit(spec: str, dtype: torch.dtype) -> None:
    # Small differences grow: over the report's training a last bit in float32 becomes a loss that differs by 4%.
    layer = bound(spec)
    for shape in (10, 25), (3, 7), (1, 1):
        x = sample(10, *shape).to(dtype)
        y = layer.forward(x)
        assert all(torch.equal(layer.forward(x[r]), y[r]) for r in range(10))


@every_layer
def test_one_input_serves_all_rounds(spec: str) -> None:
    layer = bound(spec, (4,))
    x = sample(N, FEATURES)
    y = layer.forward(x)
    for r in range(4 if layer.named_parameters() else 0):
        all_close([y[r]], [member(layer, (r,)).forward(x)], 1e-12)


@every_layer
def test_backward_is_of_the_last_forward(spec: str) -> None:
    layer = bound(spec)
    x, other = sample(N, FEATURES), sample(2, FEATURES, seed=9)
    dy = sample(*layer.forward(x).shape, seed=3)
    expected = gradients(layer, x, dy)
    layer.forward(other)
    all_close(gradients(layer, x, dy), expected, 0)


@pytest.mark.parametrize(("spec", "twin"), [("relu", torch.relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid)])
def test_activations_stay_exact_where_they_saturate_kink_or_meet_nan(
    spec: str, twin: Callable[[Tensor], Tensor]
) -> None:
    layer = bound(spec)
    x = torch.tensor([[-torch.inf, -1e4, -40.0, -0.0, 0.0, 40.0, 1e4, torch.inf, torch.nan]], dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    expected = twin(leaf)
    expected.sum().backward()
    torch.testing.assert_close(layer.forward(x), expected.detach(), rtol=1e-15, atol=0, equal_nan=True)
    found = layer.backward(torch.ones_like(x))
    assert leaf.grad is not None
    torch.testing.assert_close(found[..., :-1], leaf.grad[..., :-1], rtol=1e-15, atol=1e-17)
