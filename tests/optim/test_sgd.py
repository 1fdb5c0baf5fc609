"""Core optimizers against torch.optim, on flat tensors with and without rounds; and what an optimizer remembers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from minidl_core.errors import ArgumentError, RequestError
from minidl_core.nn import FlatParameters
from minidl_core.optim import SGD, Optimizer
from minidl_core.plugins import registry
from minidl_core.seeding import round_seeds
from minidl_core.spec import build_model

CASES: dict[str, list[tuple[str, Callable[..., torch.optim.Optimizer]]]] = {
    "sgd": [
        ("sgd", lambda w: torch.optim.SGD(w, lr=0.1)),
        ("sgd(lr=0.01)", lambda w: torch.optim.SGD(w, lr=0.01)),
        ("sgd(lr=3)", lambda w: torch.optim.SGD(w, lr=3)),
    ],
}
TWINS = [case for cases in CASES.values() for case in cases]


class Momentum(Optimizer):
    """v = 0.9 v + g,  w -= lr v: what a plugin's author would write."""

    def step(self, parameters: FlatParameters) -> None:
        velocity = self.remembered("velocity", parameters)
        velocity.mul_(0.9).add_(parameters.grads)
        parameters.values -= 0.1 * velocity
        self.steps += 1


def flat(rounds: int) -> FlatParameters:
    return (
        build_model("linear(3,2)-relu-linear(2,1)").initialize(round_seeds(0, rounds), dtype=torch.float64).parameters
    )


def gradients(parameters: FlatParameters, steps: int) -> Tensor:
    random = torch.Generator().manual_seed(7)
    return torch.randn(steps, *parameters.values.shape, generator=random, dtype=torch.float64)


def walk(optimizer: Optimizer, twin: Callable[..., torch.optim.Optimizer], rounds: int) -> None:
    """Take the same steps with both, and compare after each."""
    parameters = flat(rounds)
    leaf = parameters.values.clone().requires_grad_()
    peer = twin([leaf])
    for grad in gradients(parameters, 20):
        parameters.grads.copy_(grad)
        leaf.grad = grad.clone()
        optimizer.step(parameters)
        peer.step()
        torch.testing.assert_close(parameters.values, leaf.detach(), rtol=1e-13, atol=1e-14)


def test_every_core_optimizer_has_a_case() -> None:
    assert {one.name for one in registry().components("optimizer", plugin="core")} == set(CASES)


@pytest.mark.parametrize(("spec", "twin"), TWINS, ids=[spec for spec, _ in TWINS])
@pytest.mark.parametrize("rounds", [1, 3])
def test_steps_equal_torch_optim(spec: str, twin: Callable[..., torch.optim.Optimizer], rounds: int) -> None:
    walk(Optimizer.of(spec), twin, rounds)


def test_plain_sgd_remembers_nothing() -> None:
    optimizer = SGD()
    optimizer.step(flat(1))
    assert optimizer.state == {}


@pytest.mark.parametrize("rounds", [1, 3])
def test_what_is_remembered_lasts_from_step_to_step(rounds: int) -> None:
    optimizer = Momentum()
    walk(optimizer, lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9), rounds)
    assert list(optimizer.state) == ["velocity"]
    assert optimizer.state["velocity"].shape == flat(rounds).values.shape
    assert optimizer.steps == 20


def test_what_is_remembered_begins_at_the_value_asked_for() -> None:
    optimizer = SGD()
    assert optimizer.remembered("scale", flat(2), initial=0.25).unique().tolist() == [0.25]
    assert optimizer.remembered("scale", flat(2), initial=9.0).unique().tolist() == [0.25]


def test_what_was_learned_about_one_model_is_not_used_for_a_model_of_another_size() -> None:
    optimizer = Momentum()
    optimizer.step(flat(2))
    with pytest.raises(RequestError, match="take a new optimizer for another model"):
        optimizer.step(flat(3))


def test_two_optimizers_remember_apart() -> None:
    one, other = SGD(), SGD()
    one.remembered("velocity", flat(1)).fill_(1.0)
    assert other.state == {}
    assert not other.remembered("velocity", flat(1)).any()


@pytest.mark.parametrize("lr", [0, -0.1, math.nan, math.inf, "fast", True])
def test_a_learning_rate_that_is_not_above_zero_is_refused(lr: float) -> None:
    with pytest.raises(ArgumentError, match="lr must be") as refused:
        SGD(lr=lr)
    assert refused.value.argument == "lr"
