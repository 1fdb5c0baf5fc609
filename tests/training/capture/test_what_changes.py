"""What is another in each step is read anew in each replay, and what cannot be is noticed."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from small_trainings import BATCH, EPOCHS, assert_same, data, trained
from torch import Tensor

from minidl_core.losses import MSE
from minidl_core.nn import FlatParameters, Linear, Module, Sequential, saved
from minidl_core.optim import SGD, Optimizer
from minidl_core.spec import build_model
from minidl_core.training import fit
from minidl_core.training.capture import phase
from minidl_core.training.capture.program import Program


class Noise(Module):
    """x times random numbers, drawn in the way of one's choice."""

    factor: Tensor = saved()

    def __init__(self, draw: Callable[[Tensor], Tensor]) -> None:
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        self.factor = self.draw(x)
        return x * self.factor

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.factor


DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "rand_like": torch.rand_like,
    "randn_like": torch.randn_like,
    "rand": lambda x: torch.rand(x.shape, dtype=x.dtype),
    "randn": lambda x: torch.randn(*x.shape, dtype=x.dtype),
    "bernoulli": lambda x: torch.bernoulli(torch.full_like(x, 0.5)),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3),
    "uniform_": lambda x: torch.empty_like(x).uniform_(-1, 1),
    "dropout": lambda x: (torch.rand_like(x) >= 0.5) / 0.5,
    "randint": lambda x: torch.randint(3, x.shape).to(x),
}


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("draw", DRAWS)
def test_a_random_layer_draws_anew_what_it_would_draw_plainly(
    draw: str, rounds: int, caplog: pytest.LogCaptureFixture
) -> None:
    captured = trained(Noise(DRAWS[draw]), rounds=rounds)
    assert caplog.messages == []
    assert_same(captured, trained(Noise(DRAWS[draw]), rounds=rounds, capture=False))


def test_a_generator_of_its_own_is_drawn_from_anew(caplog: pytest.LogCaptureFixture) -> None:
    def noise() -> Noise:
        generator = torch.Generator().manual_seed(3)
        return Noise(lambda x: torch.rand(x.shape, dtype=x.dtype, generator=generator))

    assert_same(trained(noise()), trained(noise(), capture=False))
    assert caplog.messages == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_learning_rate_set_after_an_epoch_is_taken(rounds: int) -> None:
    def run(capture: bool) -> Any:
        optimizer = SGD(0.1)

        def slower(epoch: int, *_: Tensor) -> None:
            optimizer.lr = 0.1 / (1 + epoch)

        return trained(optimizer=optimizer, rounds=rounds, on_epoch=slower, capture=capture)

    assert_same(run(True), run(False))


def test_a_learning_rate_set_after_each_step_is_taken() -> None:
    def run(capture: bool) -> Any:
        optimizer = SGD(0.1)

        def slower() -> bool:
            optimizer.lr *= 0.95
            return False

        return trained(optimizer=optimizer, stop=slower, capture=capture)

    assert_same(run(True), run(False))


def test_each_round_may_have_a_learning_rate_of_its_own() -> None:
    def run(rounds: int, lr: Any, capture: bool = True) -> Any:
        optimizer = SGD()
        optimizer.lr = lr
        return trained(optimizer=optimizer, rounds=rounds, capture=capture)

    rates = torch.tensor([[0.1], [0.05], [0.01]], dtype=torch.float64)
    together = run(3, rates)
    assert_same(together, run(3, rates, capture=False))
    same = run(3, 0.05)
    torch.testing.assert_close(together[1][1], same[1][1], rtol=1e-10, atol=1e-12)
    assert not torch.allclose(together[1][0], same[1][0])


def test_a_learning_rate_may_become_one_for_each_round_and_a_number_again() -> None:
    def run(capture: bool) -> Any:
        optimizer = SGD(0.1)

        def change(epoch: int, *_: Tensor) -> None:
            optimizer.lr = torch.tensor([[0.1], [0.2]], dtype=torch.float64) if epoch % 2 else 0.05 / epoch

        return trained(optimizer=optimizer, rounds=2, on_epoch=change, capture=capture, epochs=8)

    assert_same(run(True), run(False))


class Warmup(Optimizer):
    """Gradient descent whose steps grow with their number."""

    def __init__(self, lr: float = 0.1, power: float = 0.5) -> None:
        self.lr, self.power = lr, power

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        parameters.values -= self.lr * (1 - 0.9**self.steps) ** self.power * parameters.grads


class Rectified(Warmup):
    """One that decides by the number of its steps."""

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        scale = math.sqrt(self.steps) if self.steps < 9 else 3.0
        parameters.values -= self.lr * scale * parameters.grads


class Counted(Warmup):
    """One that counts in a way that needs whole numbers."""

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        scale = [1.0, 0.5, 0.25, 0.125][self.steps % 4]
        parameters.values -= self.lr * scale * parameters.grads


class Decaying(Warmup):
    """One with a number of its own that changes in each step."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr, self.product = lr, 1.0

    def step(self, parameters: FlatParameters) -> None:
        self.steps += 1
        self.product *= 0.9
        parameters.values -= self.lr * self.product * parameters.grads


class Averaged(Warmup):
    """One that assigns its state anew in each step."""

    def step(self, parameters: FlatParameters) -> None:
        self.steps = self.steps + 1
        self.state["mean"] = 0.9 * self.remembered("mean", parameters) + 0.1 * parameters.grads
        parameters.values -= self.lr * self.state["mean"]


@pytest.mark.parametrize(
    ("optimizer", "obstacle"),
    [
        (Warmup, None),
        (Averaged, None),
        (Rectified, "test_what_changes.py gives Python the numbers of a tensor ('__bool__')"),
        (Counted, "needs numbers for lr and steps (TypeError"),
        (Decaying, "changes its 'product' in Python"),
    ],
)
def test_what_an_optimizer_computes_of_its_steps(
    optimizer: type[Warmup], obstacle: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    captured = optimizer()
    result = trained(optimizer=captured)
    assert (obstacle is None and caplog.messages == []) or (obstacle is not None and obstacle in caplog.text)
    plain = optimizer()
    assert_same(result, trained(optimizer=plain, capture=False))
    assert captured.steps == plain.steps == EPOCHS * 4
    for name, value in plain.state.items():
        torch.testing.assert_close(captured.state[name], value)


def test_an_attribute_of_an_optimizer_set_between_epochs_is_taken() -> None:
    def run(capture: bool) -> Any:
        optimizer = Warmup()

        def change(epoch: int, *_: Tensor) -> None:
            optimizer.power = 1 + epoch

        return trained(optimizer=optimizer, on_epoch=change, capture=capture)

    assert_same(run(True), run(False))


class Around(Optimizer):
    """Steps with another, whose count and state are its own too; the rate is the other's alone."""

    def __init__(self, inner: SGD) -> None:
        self.inner = inner

    def step(self, parameters: FlatParameters) -> None:
        self.inner.step(parameters)

    @property
    def steps(self) -> int:
        return self.inner.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self.inner.steps = steps


def test_a_rate_of_an_optimizer_within_another_set_between_epochs_is_taken() -> None:
    def run(capture: bool) -> Any:
        optimizer = Around(SGD(0.1))

        def change(epoch: int, *_: Tensor) -> None:
            optimizer.inner.lr = 0.1 / epoch

        return trained(optimizer=optimizer, on_epoch=change, capture=capture)

    assert_same(run(True), run(False))


class Normalized(Module):
    """x less the mean of its batch, with a running mean kept in one of several ways."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.running = torch.zeros(4, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(-2)
        if self.way == "in place":
            self.running.mul_(0.9).add_(mean, alpha=0.1)
        elif self.way == "assigned":
            self.running = 0.9 * self.running + 0.1 * mean
        else:  # the last batch's alone
            self.running = mean
        return x - mean.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True)


@pytest.mark.parametrize("way", ["in place", "assigned", "the last"])
def test_what_a_layer_remembers_of_its_batches_is_kept_up(way: str, caplog: pytest.LogCaptureFixture) -> None:
    seen: dict[bool, list[Tensor]] = {True: [], False: []}

    def run(capture: bool) -> Any:
        layer = Normalized(way)
        result = trained(layer, capture=capture, on_epoch=lambda *_: seen[capture].append(layer.running.clone()))
        return (*result[:1], layer.running)

    assert_same(run(True), run(False))
    torch.testing.assert_close(seen[True], seen[False], rtol=1e-10, atol=1e-12)
    assert caplog.messages == []


@pytest.mark.parametrize("capture", [True, False])
def test_what_is_set_after_the_last_epoch_stays(capture: bool) -> None:
    layer = Normalized("the last")

    def change(*_: object) -> None:
        layer.running = torch.full((4,), 7.0)

    trained(layer, on_epoch=change, capture=capture)
    assert layer.running.tolist() == [7] * 4


def test_the_memory_of_a_training_is_let_go_of_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would keep what holds itself until it looks for garbage, which it does by objects, and not by bytes."""
    made: list[weakref.ref[Program]] = []

    class Noted(Program):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    monkeypatch.setattr(phase, "Program", Noted)
    gc.disable()
    try:
        trained()
        assert len(made) >= 2
        assert [one() for one in made] == [None] * len(made)
    finally:
        gc.enable()


class Scaled(Module):
    """x times a number that someone may set."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x

    def backward(self, dy: Tensor) -> Tensor:
        return self.factor * dy


def test_an_attribute_of_a_layer_set_between_epochs_is_taken() -> None:
    def run(capture: bool) -> Any:
        layer = Scaled()

        def change(epoch: int, *_: Tensor) -> None:
            layer.factor = 1 / epoch

        return trained(layer, on_epoch=change, capture=capture)

    assert_same(run(True), run(False))


@pytest.mark.parametrize("capture", [True, False])
def test_a_model_may_be_evaluated_between_epochs(capture: bool) -> None:
    def run(evaluates: bool) -> Any:
        layer = Noise(lambda x: torch.rand_like(x) if layer.training else torch.ones_like(x))
        model = Sequential(Linear(3, 4), layer, Linear(4, 3)).initialize([0], dtype=torch.float64)

        def on_epoch(*_: Any) -> None:
            if evaluates:
                model.eval().forward(torch.ones(2, 3, dtype=torch.float64))

        torch.manual_seed(0)
        options = {"epochs": EPOCHS, "batch_size": BATCH, "seeds": [0], "on_epoch": on_epoch}
        return fit(model, data(), MSE(), SGD(0.1), capture=capture, **options), model.parameters.values

    assert_same(run(True), run(False))


def test_what_forward_keeps_is_let_go_of_after_a_captured_training() -> None:
    *_, model = trained()
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        model.backward(torch.ones(2, 3, dtype=torch.float64))


class InPlace(Module):
    """One that changes its input after it was used, and its own output after it was given."""

    x: Tensor = saved()

    def forward(self, x: Tensor) -> Tensor:
        doubled = 2 * x
        x.add_(0.5)
        self.x = x
        return (doubled * 3 + x) / 7

    def backward(self, dy: Tensor) -> Tensor:
        return dy * (self.x.abs() + 1) / (self.x.abs() + 1)


@pytest.mark.parametrize("rounds", [1, 3])
def test_what_is_changed_in_place_is_read_as_it_was_then(rounds: int, caplog: pytest.LogCaptureFixture) -> None:
    captured = trained(InPlace(), rounds=rounds)
    assert caplog.messages == []
    assert_same(captured, trained(InPlace(), rounds=rounds, capture=False))


class Meddling(Linear):
    """A product whose input is changed before its bias is added, and again before its gradients are computed."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        product = x @ self.weight.value
        x.mul_(1.5)
        assert self.bias is not None
        return product + self.bias.value.unsqueeze(-2)

    def backward(self, dy: Tensor) -> Tensor:
        self.x.mul_(2)
        return super().backward(dy)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bias_is_not_joined_to_a_product_whose_input_changes(threads: int) -> None:
    layers = [Meddling(4, 4), Meddling(4, 4)]
    captured = trained(layers[0], threads=threads)
    assert_same(captured, trained(layers[1], threads=threads, capture=False))


def test_two_trainings_in_threads_do_not_mix() -> None:
    layers = "relu", "relu"
    alone = [trained_by_spec(layer, seed) for seed, layer in enumerate(layers)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(trained_by_spec, layers, range(2)))
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)


def trained_by_spec(layer: str, seed: int) -> tuple[Tensor, Tensor]:
    model = build_model(f"linear(3,40)-{layer}-linear(40,3)").initialize([seed], dtype=torch.float64)
    history = fit(model, data(), MSE(), SGD(0.1), epochs=60, batch_size=BATCH, seeds=[seed])
    return history, model.parameters.values
