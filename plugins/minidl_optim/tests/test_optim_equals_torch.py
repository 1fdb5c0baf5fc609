"""Each optimizer gives the numbers of its peer, PyTorch's or one written from the paper, in float64 to 1e-10."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minidl_core import MSE, build_model

STEPS = 50
pytestmark = pytest.mark.usefixtures("in_float64")


def random_gradients(seed: int, steps: int, size: int) -> Tensor:
    """`[steps, size]`, of magnitudes from 1e-4 to 1e2, a tenth of them zero."""
    random = torch.Generator().manual_seed(seed)
    magnitude = 10 ** (6 * torch.rand(size, dtype=torch.float64, generator=random) - 4)
    gradients = magnitude * torch.randn(steps, size, dtype=torch.float64, generator=random)
    return gradients * (torch.rand(steps, size, generator=random) > 0.1)


def assert_same_path(optimizer, parameters, peer, weights: Tensor, gradients: Tensor) -> None:
    for gradient in gradients:
        parameters.grads.copy_(gradient)
        optimizer.step(parameters)
        weights.grad = gradient.clone()
        peer.step()
        torch.testing.assert_close(parameters.values, weights.detach(), rtol=1e-10, atol=1e-10)


def test_follows_pytorch_through_random_gradients(case, parameters_of):
    start = torch.linspace(-2, 2, 30, dtype=torch.float64)
    weights = start.clone().requires_grad_()
    assert_same_path(case.build(), parameters_of(start), case.peer([weights]), weights, random_gradients(0, STEPS, 30))
    assert (weights != start).sum() > 25  # steps of one size may lead back


# No share near 0 but 0 itself: PyTorch's lerp takes a beta of 1e-10 as 1 - (1 - 1e-10), of which six digits are left.
rate, share = st.floats(1e-4, 0.5), st.just(0.0) | st.floats(0.01, 0.999)
eps, decay, flag = st.floats(1e-10, 1), st.just(0.0) | st.floats(0.001, 1), st.booleans()
MEANS = {"lr": rate, "betas": st.tuples(share, share), "eps": eps, "weight_decay": decay, "maximize": flag}
ARGUMENTS = {
    "momentum": {"lr": rate, "momentum": share, "dampening": share, "weight_decay": decay, "maximize": flag},
    "rmsprop": {
        "lr": rate,
        "alpha": st.floats(0.01, 0.999),
        "eps": eps,
        "weight_decay": decay,
        "momentum": share,
        "maximize": flag,
    },
    "adagrad": {
        "lr": rate,
        "eps": eps,
        "lr_decay": decay,
        "weight_decay": decay,
        "initial_accumulator_value": decay,
        "maximize": flag,
    },
    "adadelta": {"lr": rate, "rho": share, "eps": eps, "weight_decay": decay, "maximize": flag},
    "adam": {**MEANS, "amsgrad": flag},
    "adamw": {**MEANS, "amsgrad": flag},
    "adamax": MEANS,
    "nadam": {**MEANS, "momentum_decay": decay, "decoupled_weight_decay": flag},
    "radam": {**MEANS, "decoupled_weight_decay": flag},
    "rprop": {
        "lr": rate,
        "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 2)),
        "step_sizes": st.tuples(st.floats(1e-6, 1e-3), st.floats(1e-3, 50)),
        "maximize": flag,
    },
    "lion": {"lr": rate, "betas": st.tuples(share, share), "weight_decay": decay, "maximize": flag},
    "lamb": MEANS,
    "lars": {
        "lr": rate,
        "momentum": share,
        "trust_coefficient": st.floats(1e-4, 0.1),
        "weight_decay": decay,
        "maximize": flag,
    },
}


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_follows_pytorch_with_any_hyperparameters(one_case, parameters_of, data):
    arguments = data.draw(st.fixed_dictionaries(ARGUMENTS[one_case.name]))
    optimizer = type(one_case.build())(**arguments)
    assert arguments.items() <= optimizer.arguments.items()
    start = torch.linspace(-2, 2, 5, dtype=torch.float64)
    weights = start.clone().requires_grad_()
    gradients = random_gradients(data.draw(st.integers(0, 1000)), 15, 5)
    assert_same_path(optimizer, parameters_of(start), one_case.peer([weights], **arguments), weights, gradients)


def test_trains_a_network_as_pytorch_does(case):
    random = torch.Generator().manual_seed(2)
    x = torch.randn(20, 3, dtype=torch.float64, generator=random)
    target = torch.stack([x.sum(-1).sin(), x.prod(-1)], -1)

    model, loss, optimizer = build_model("linear(3,8)-tanh-linear(8,2)"), MSE(), case.build()
    parameters = model.initialize([0], dtype=torch.float64).parameters
    first, _, second = peer_model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
    ).double()
    peer_weights = {
        "0.weight": first.weight.T,
        "0.bias": first.bias,
        "2.weight": second.weight.T,
        "2.bias": second.bias,
    }
    with torch.no_grad():
        for name, weight in peer_weights.items():
            weight.copy_(parameters.named[name].value)
    peer = case.peer(list(peer_model.parameters()))

    for _ in range(STEPS):
        loss.forward(model.forward(x), target)
        model.backward(loss.backward())
        optimizer.step(parameters)

        peer.zero_grad()
        torch.nn.functional.mse_loss(peer_model(x), target).backward()
        peer.step()

    for name, weight in peer_weights.items():
        torch.testing.assert_close(parameters.named[name].value, weight.detach(), rtol=1e-10, atol=1e-10)


OF_PYTORCH = ["rmsprop", "adagrad", "adadelta", "adam", "adamw", "adamax", "nadam", "radam", "rprop"]


@pytest.mark.parametrize("name", OF_PYTORCH)
def test_defaults_are_those_of_pytorch(name, cases):
    case = next(case for case in cases if case.name == name)
    peer = case.peer_class([torch.zeros(1, requires_grad=True)])
    arguments = {**type(case.build())().arguments}
    arguments.pop("decay_biases", None)
    assert arguments == {argument: peer.defaults[argument] for argument in arguments}
