"""What one step does, and what it leaves alone."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn import FlatParameters, Linear


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def take_steps(optimizer, parameters: FlatParameters, gradients: Tensor) -> None:
    for gradient in gradients:
        parameters.grads.copy_(gradient)
        optimizer.step(parameters)


# What each rule comes to at its first step, by hand: means begin at 0.
FIRST_STEP = {
    "momentum": lambda w, g, lr, momentum, nesterov: w - lr * g * (1 + momentum if nesterov else 1),
    "rmsprop": lambda w, g, lr, alpha, eps: w - lr * g / (g.abs() * (1 - alpha) ** 0.5 + eps),
    "adagrad": lambda w, g, lr, eps: w - lr * g / (g.abs() + eps),
    "adam": lambda w, g, lr, eps, **_: w - lr * g / (g.abs() + eps),
    "adamw": lambda w, g, lr, eps, weight_decay, **_: w - lr * weight_decay * w - lr * g / (g.abs() + eps),
}


def test_first_step_is_the_closed_form(case, parameters_of):
    w, g, optimizer = normal(0, 20), normal(1, 20), case.build()
    parameters = parameters_of(w)
    take_steps(optimizer, parameters, g.unsqueeze(0))
    expected = FIRST_STEP[case.name](w, g, **optimizer.arguments)
    torch.testing.assert_close(parameters.values, expected, rtol=1e-12, atol=1e-12)


def test_zero_gradient_changes_weights_by_their_decay_alone(case, parameters_of):
    w, optimizer = normal(0, 20), case.build()
    parameters = parameters_of(w)
    take_steps(optimizer, parameters, torch.zeros(5, 20, dtype=torch.float64))
    if decay := optimizer.arguments.get("weight_decay"):
        expected = w * (1 - optimizer.arguments["lr"] * decay) ** 5
        torch.testing.assert_close(parameters.values, expected, rtol=1e-12, atol=0)
        assert (parameters.values.abs() < w.abs()).all()
    else:
        assert torch.equal(parameters.values, w)


def test_goes_down_a_quadratic(one_case, parameters_of):
    curvature = torch.tensor([0.1, 0.5, 1, 2], dtype=torch.float64)
    parameters, optimizer = parameters_of(torch.tensor([1.0, -1, 1, -1])), type(one_case.build())(lr=0.1)

    def height() -> float:
        return float((curvature * parameters.values**2).sum() / 2)

    start = height()
    for _ in range(300):
        parameters.grads.copy_(curvature * parameters.values)
        optimizer.step(parameters)
    assert height() < 0.01 * start


def test_gradients_stay_as_backward_set_them(case, parameters_of):
    parameters, optimizer = parameters_of(normal(0, 20)), case.build()
    for gradient in normal(1, 5, 20):
        parameters.grads.copy_(gradient)
        optimizer.step(parameters)
        assert torch.equal(parameters.grads, gradient)


def test_values_stay_in_their_memory(case):
    model = Linear(3, 2).initialize([0, 1])
    parameters = model.parameters
    values, address = parameters.values, parameters.values.data_ptr()
    parameters.grads.fill_(1)
    before = model.weight.value.clone()
    case.build().step(parameters)
    assert parameters.values is values
    assert values.data_ptr() == address
    assert (model.weight.value != before).all()


def test_state_does_not_alias_gradients_or_values(case, parameters_of):
    parameters, optimizer = parameters_of(normal(0, 20)), case.build()
    take_steps(optimizer, parameters, normal(1, 2, 20))
    remembered = {name: tensor.clone() for name, tensor in optimizer.state.items()}
    parameters.grads.fill_(7)
    parameters.values.fill_(7)
    assert remembered
    assert all(torch.equal(optimizer.state[name], tensor) for name, tensor in remembered.items())


def test_each_round_goes_as_if_it_were_alone(case, parameters_of):
    w, gradients = normal(0, 4, 7), normal(1, 30, 4, 7)
    together = parameters_of(w)
    take_steps(case.build(), together, gradients)
    for r in range(4):
        alone = parameters_of(w[r])
        take_steps(case.build(), alone, gradients[:, r])
        torch.testing.assert_close(together.values[r], alone.values, rtol=1e-13, atol=1e-13)


def test_learning_rate_may_differ_from_round_to_round(case, parameters_of):
    rates = [0.001, 0.01, 0.1]
    w, gradients, optimizer = normal(0, 3, 7), normal(1, 30, 3, 7), case.build()
    together = parameters_of(w)
    optimizer.lr = torch.tensor(rates, dtype=torch.float64).unsqueeze(-1)
    take_steps(optimizer, together, gradients)
    for r, rate in enumerate(rates):
        alone, own = parameters_of(w[r]), case.build()
        own.lr = rate
        take_steps(own, alone, gradients[:, r])
        torch.testing.assert_close(together.values[r], alone.values, rtol=1e-13, atol=1e-13)


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


def test_two_instances_share_no_state(case, parameters_of):
    gradients, other_gradients = normal(1, 10, 7), normal(2, 10, 7)
    alone = parameters_of(normal(0, 7))
    take_steps(case.build(), alone, gradients)

    optimizer, parameters = case.build(), parameters_of(normal(0, 7))
    other, other_parameters = case.build(), parameters_of(normal(3, 7))
    for gradient, other_gradient in zip(gradients, other_gradients, strict=True):
        take_steps(optimizer, parameters, gradient.unsqueeze(0))
        take_steps(other, other_parameters, other_gradient.unsqueeze(0))
    assert torch.equal(parameters.values, alone.values)
    assert case.build().state == {}
    assert case.build().steps == 0


def test_copied_state_continues_bit_for_bit(case, parameters_of):
    w, gradients = normal(0, 3, 7), normal(1, 20, 3, 7)
    straight, straight_optimizer = parameters_of(w), case.build()
    take_steps(straight_optimizer, straight, gradients)

    first, first_optimizer = parameters_of(w), case.build()
    take_steps(first_optimizer, first, gradients[:9])
    resumed, resumed_optimizer = parameters_of(first.values), case.build()
    resumed_optimizer.steps = first_optimizer.steps
    resumed_optimizer.state.update({name: tensor.clone() for name, tensor in first_optimizer.state.items()})
    take_steps(resumed_optimizer, resumed, gradients[9:])

    assert torch.equal(resumed.values, straight.values)
    assert resumed_optimizer.steps == straight_optimizer.steps == 20
    assert resumed_optimizer.state.keys() == straight_optimizer.state.keys()
    for name, tensor in straight_optimizer.state.items():
        assert torch.equal(resumed_optimizer.state[name], tensor)


def test_state_is_as_large_as_the_values_and_of_their_type(case):
    parameters, optimizer = Linear(3, 2).initialize([0, 1]).parameters, case.build()
    optimizer.step(parameters)
    for tensor in optimizer.state.values():
        assert tensor.shape == parameters.values.shape
        assert tensor.dtype == parameters.values.dtype == torch.float32
