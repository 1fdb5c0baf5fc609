"""A captured update gives what the optimizer gives plainly, all its life long."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl_core.nn import FlatParameters
from minidl_core.optim import Optimizer
from minidl_core.spec import build_model
from minidl_core.training.capture.update import Update

STEPS = 30
"""In which RAdam comes to scale its steps."""


def parameters_of_layers(rounds: int) -> FlatParameters:
    """Of weights and biases, none of them 0."""
    parameters = build_model("linear(3,4)-tanh-linear(4,2)").initialize(range(rounds), dtype=torch.float64).parameters
    parameters.values.add_(0.01)
    return parameters


def taken(
    optimizer: Optimizer, parameters: FlatParameters, capture: bool, steps: int = STEPS, first: int = 0
) -> Tensor:
    update = Update(optimizer, parameters, None, threads=1, capture=capture)
    for step in range(first, first + steps):
        random = torch.Generator().manual_seed(step)
        parameters.grads = torch.randn(parameters.values.shape, dtype=torch.float64, generator=random)
        update.refresh()
        update.run()
    assert update.obstacle is None
    assert not capture or update.stage[0] == "settled"
    return parameters.values


@pytest.mark.parametrize("rounds", [1, 3])
def test_captured_as_plain(case, rounds):
    captured, plain = case.build(), case.build()
    found = taken(captured, parameters_of_layers(rounds), capture=True)
    expected = taken(plain, parameters_of_layers(rounds), capture=False)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert captured.steps == plain.steps == STEPS
    assert captured.state.keys() == plain.state.keys()
    for name, tensor in plain.state.items():
        torch.testing.assert_close(captured.state[name], tensor, rtol=1e-10, atol=1e-12)


def test_captured_with_a_rate_for_each_round_that_changes(case):
    def run(capture: bool) -> Tensor:
        optimizer, parameters = case.build(), parameters_of_layers(2)
        for part, scale in enumerate((1.0, 0.1)):
            optimizer.lr = scale * torch.tensor([[0.01], [0.002]], dtype=torch.float64)
            taken(optimizer, parameters, capture, steps=10, first=10 * part)
        return parameters.values

    torch.testing.assert_close(run(True), run(False), rtol=1e-10, atol=1e-12)


def test_each_round_among_many_as_alone(case):
    together, optimizer = parameters_of_layers(2), case.build()
    alone = [parameters_of_layers(1) for _ in range(2)]
    optimizers = [case.build() for _ in alone]
    for one, values in zip(alone, together.values, strict=True):
        one.values = values
    for step in range(STEPS):
        random = torch.Generator().manual_seed(step)
        together.grads = torch.randn(together.values.shape, dtype=torch.float64, generator=random)
        optimizer.step(together)
        for one, own, grads in zip(alone, optimizers, together.grads, strict=True):
            one.grads = grads
            own.step(one)
    for one, values in zip(alone, together.values, strict=True):
        torch.testing.assert_close(values, one.values, rtol=1e-13, atol=1e-15)


def test_biases_alone_are_spared_by_decay_biases(one_case):
    if "weight_decay" not in one_case.build().arguments:
        pytest.skip("it has no decay")

    def after(**arguments: object) -> dict[str, Tensor]:
        parameters = parameters_of_layers(1)
        optimizer = type(one_case.build())(**arguments)
        parameters.grads = torch.ones_like(parameters.grads)
        optimizer.step(parameters)
        return {name: parameter.value.clone() for name, parameter in parameters.named.items()}

    never, always = after(weight_decay=0.0), after(weight_decay=0.5)
    spared = after(weight_decay=0.5, decay_biases=False)
    for name, value in spared.items():
        assert torch.equal(value, (never if name.endswith("bias") else always)[name]), name
