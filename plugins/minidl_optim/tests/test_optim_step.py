"""What one step does, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl_core.nn import FlatParameters

pytestmark = pytest.mark.usefixtures("in_float64")


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def take_steps(optimizer, parameters: FlatParameters, gradients: Tensor) -> None:
    for gradient in gradients:
        parameters.grads.copy_(gradient)
        optimizer.step(parameters)


def test_zero_gradient_changes_weights_by_their_decay_alone(case, parameters_of):
    w, optimizer = normal(0, 20), case.build()
    parameters = parameters_of(w)
    take_steps(optimizer, parameters, torch.zeros(5, 20, dtype=torch.float64))
    arguments = optimizer.arguments
    is_decoupled = case.name in ("adamw", "lion") or arguments.get("decoupled_weight_decay")
    if (decay := arguments.get("weight_decay")) and not is_decoupled:
        assert (parameters.values != w).any()
    elif decay:
        expected = w * (1 - optimizer.arguments["lr"] * decay) ** 5
        torch.testing.assert_close(parameters.values, expected, rtol=1e-12, atol=0)
        assert (parameters.values.abs() < w.abs()).all()
    else:
        assert torch.equal(parameters.values, w)


def test_state_does_not_alias_gradients_or_values(case, parameters_of):
    parameters, optimizer = parameters_of(normal(0, 20)), case.build()
    take_steps(optimizer, parameters, normal(1, 2, 20))
    remembered = {name: tensor.clone() for name, tensor in optimizer.state.items()}
    parameters.grads.fill_(7)
    parameters.values.fill_(7)
    assert remembered or optimizer.arguments.get("momentum") == 0
    assert all(torch.equal(optimizer.state[name], tensor) for name, tensor in remembered.items())


def test_learning_rate_may_change_from_step_to_step(case, parameters_of):
    w, gradients, optimizer = normal(0, 7), normal(1, 30, 7), case.build()
    parameters, weights = parameters_of(w), w.clone().requires_grad_()
    peer = case.peer([weights])
    for t, gradient in enumerate(gradients):
        optimizer.lr = peer.param_groups[0]["lr"] = 0.1 / (t + 1)
        take_steps(optimizer, parameters, gradient.unsqueeze(0))
        weights.grad = gradient.clone()
        peer.step()
    torch.testing.assert_close(parameters.values, weights.detach(), rtol=1e-10, atol=1e-10)
