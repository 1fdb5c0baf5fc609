"""A captured training against the same one run plainly, for everything that is registered."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from needs import needs
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss
from minidl_core.nn import Linear, Module, Sequential, Sigmoid, Tanh, saved
from minidl_core.optim import SGD, Optimizer
from minidl_core.plugins import registry
from minidl_core.spec import build_component, build_model
from minidl_core.testing.layer_subject import example_shape
from minidl_core.testing.subject import Subject, subjects
from minidl_core.training import fit
from minidl_core.training.capture import loops, phase
from minidl_core.training.capture.program import Program

ROWS, BATCH, EPOCHS, FEATURES, OUTPUTS = 37, 17, 4, 3, 4  # the last batch of an epoch has three rows


def named(name: str) -> Any:
    """A component of a plugin."""
    return pytest.param(name, marks=needs(name.partition("(")[0]))


def of_kind(kind: str) -> list[Any]:
    """Each component of a kind, with each choice of arguments that the conformance kit checks."""
    found = []
    for name in registry().names(kind):
        component: Any = registry().find(kind, name).load()
        found += [pytest.param(subject, id=str(subject)) for subject in subjects(component, component.conformance)]
    return found


def examples(rounds: int, shape: tuple[int, ...], labels: bool = False) -> Examples:
    random = torch.Generator().manual_seed(0)
    axes = (rounds,) if rounds > 1 else ()
    features = torch.randn(*axes, ROWS, FEATURES, dtype=torch.float64, generator=random)
    if labels:
        return Examples(features, torch.randint(OUTPUTS, (*axes, ROWS), generator=random))
    return Examples(features, torch.rand(*axes, ROWS, *shape, dtype=torch.float64, generator=random))


def trained(
    model: Module, data: Examples, loss: Loss, optimizer: Optimizer, rounds: int, **options: Any
) -> tuple[Tensor, Tensor]:
    """The history and the weights."""
    model.initialize(range(rounds), dtype=torch.float64)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "seeds": range(rounds), **options}
    torch.manual_seed(1)
    history = fit(model, data, loss, optimizer, **options)
    return history, model.parameters.values.clone()


def assert_same(captured: tuple[Tensor, Tensor], plain: tuple[Tensor, Tensor]) -> None:
    for one, other in zip(captured, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.fixture
def nothing_runs_plainly(caplog: pytest.LogCaptureFixture) -> Any:
    """Fails where a captured training said that it is not."""
    with caplog.at_level(logging.WARNING, "minidl"):
        yield
    assert caplog.messages == []


KINDS = [(1, False), (3, False), (1, True)]
"""Rounds, and whether all that is number by number is loops, which short vectors are not of themselves."""


@pytest.fixture
def of_loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(loops, "FEWEST_NUMBERS", 1)


class Shaped(Module):
    """The numbers of an example of so many axes in another shape."""

    before: torch.Size = saved()

    def __init__(self, shape: tuple[int, ...], axes: int = 1) -> None:
        self.shape, self.axes = shape, axes

    def forward(self, x: Tensor) -> Tensor:
        self.before = x.shape
        return x.reshape(*x.shape[: x.dim() - self.axes], *self.shape)

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(self.before)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape


@pytest.mark.usefixtures("nothing_runs_plainly", "of_loops")
@pytest.mark.parametrize(("rounds", "of_loops"), KINDS, indirect=["of_loops"])
@pytest.mark.parametrize("subject", of_kind("layer"))
def test_every_layer(subject: Subject[Module], rounds: int) -> None:
    def run(capture: bool) -> tuple[Tensor, Tensor]:
        layer, data = subject.build(), examples(rounds, (OUTPUTS,))
        inputs, whole = example_shape(subject, layer), subject.conformance.whole_inputs
        outputs = math.prod(layer.output_shape(inputs))
        before: list[Module] = [Linear(FEATURES, math.prod(inputs)), Shaped(inputs)]
        if whole is not None:  # of which no layer before it is told anything
            random = torch.Generator().manual_seed(0)
            numbers = torch.randint(whole, (*data.features.shape[:-1], math.prod(inputs)), generator=random)
            before, data = [Shaped(inputs)], replace(data, features=numbers.double())
        model = Sequential(
            *before, layer, Shaped((outputs,), len(layer.output_shape(inputs))), Linear(outputs, OUTPUTS)
        )
        return trained(model, data, Loss.of("mse"), SGD(0.1), rounds, capture=capture)

    assert_same(run(True), run(False))


@pytest.mark.usefixtures("nothing_runs_plainly", "of_loops")
@pytest.mark.parametrize(("rounds", "of_loops"), KINDS, indirect=["of_loops"])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("subject", of_kind("loss"))
def test_every_loss(subject: Subject[Loss], labels: bool, rounds: int) -> None:
    arguments = dict(subject.arguments)
    for name in "weight", "alpha":
        if arguments.get(name) is not None:
            arguments[name] = [1, 2, 0.5, 3]
    loss_class, in_range = subject.component_class, subject.conformance.outputs is not None

    def run(capture: bool) -> tuple[Tensor, Tensor]:
        loss = loss_class(**arguments)
        data = examples(rounds, (OUTPUTS,), labels)
        last = [Sigmoid()] if in_range else []  # where not every number is an output that the loss has a value for
        model = Sequential(Linear(FEATURES, loss.outputs_for(OUTPUTS)), *last)
        return trained(model, data, loss, SGD(0.1), rounds, capture=capture)

    try:
        plain = run(False)
    except ValueError:
        assert labels is not loss_class.is_of_classes  # a loss of labels alone, or of values
        return
    assert_same(run(True), plain)


@pytest.mark.usefixtures("nothing_runs_plainly", "of_loops")
@pytest.mark.parametrize(("rounds", "of_loops"), KINDS, indirect=["of_loops"])
@pytest.mark.parametrize("subject", of_kind("optimizer"))
def test_every_optimizer(subject: Subject[Optimizer], rounds: int) -> None:
    optimizers = [subject.build(), subject.build()]
    results = []
    for optimizer, capture in zip(optimizers, [True, False], strict=True):
        model = build_model(f"linear({FEATURES},5)-tanh-linear(5,{OUTPUTS})")
        data = examples(rounds, (OUTPUTS,))
        results.append(trained(model, data, Loss.of("mse"), optimizer, rounds, capture=capture))
    assert_same(*results)
    captured, plain = optimizers
    assert captured.steps == plain.steps == EPOCHS * -(-ROWS // BATCH)
    assert isinstance(captured.steps, int)
    assert captured.state.keys() == plain.state.keys()
    for name, value in plain.state.items():
        torch.testing.assert_close(captured.state[name], value, rtol=1e-9, atol=1e-11)


MANY = pytest.mark.parametrize("optimizer", ["sgd", *(named(name) for name in ("adam", "adamw", "rmsprop", "adagrad"))])


@pytest.mark.usefixtures("without_llvmlite")
@pytest.mark.parametrize("threads", [1, 2])
@MANY
def test_parameters_so_many_that_they_are_updated_in_blocks(optimizer: str, threads: int) -> None:
    _assert_many_are_updated(optimizer, threads)


@pytest.mark.parametrize("threads", [1, 2])
@MANY
def test_parameters_so_many_that_threads_share_a_loop(optimizer: str, threads: int) -> None:
    _assert_many_are_updated(optimizer, threads)


def _assert_many_are_updated(optimizer: str, threads: int) -> None:
    def run(capture: bool) -> tuple[Tensor, Tensor]:
        model = build_model("linear(3,300)-relu-linear(300,600)-relu-linear(600,4)")
        updates: Optimizer = build_component("optimizer", optimizer)
        options = {"capture": capture, "threads": threads, "epochs": 2}
        return trained(model, examples(1, (OUTPUTS,)), Loss.of("mse"), updates, 1, **options)

    assert_same(run(True), run(False))


@pytest.mark.parametrize("rows", [1, 5, 7])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_batches_of_every_size(rows: int, batch_size: int) -> None:
    def run(capture: bool) -> tuple[Tensor, Tensor]:
        data = examples(1, (OUTPUTS,))
        part = Examples(data.features[:rows], data.target[:rows])
        model = build_model(f"linear({FEATURES},5)-sigmoid-linear(5,{OUTPUTS})")
        options = {"capture": capture, "batch_size": batch_size, "epochs": 6}
        return trained(model, part, Loss.of("mae"), SGD(0.1), 1, **options)

    assert_same(run(True), run(False))


@pytest.mark.usefixtures("nothing_runs_plainly")
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("optimizer", ["sgd", named("adam"), named("rmsprop")])
@pytest.mark.parametrize("loss", ["mse", named("cross_entropy"), named("binary_cross_entropy"), named("hinge")])
def test_without_numpy_as_on_a_gpu(loss: str, optimizer: str, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(capture: bool) -> tuple[Tensor, Tensor]:
        model = build_model(f"linear({FEATURES},5)-relu-linear(5,5)-sigmoid-linear(5,{OUTPUTS})")
        updates: Optimizer = build_component("optimizer", optimizer)
        data = examples(rounds, (OUTPUTS,), labels=True)
        return trained(model, data, Loss.of(loss), updates, rounds, capture=capture)

    monkeypatch.setattr(phase, "Program", functools.partial(Program, numpy=False))
    assert_same(run(True), run(False))


@pytest.mark.usefixtures("nothing_runs_plainly")
@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1)", "sgd(lr=0.0001)", named("adam"), named("rmsprop")])
@pytest.mark.parametrize(
    ("model", "rows", "batch"),
    [
        ("linear(3,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,4)", 300, 300),
        ("linear(3,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,4)", 300, 7),
        ("linear(3,400)-relu-linear(400,400)-relu-linear(400,4)", 300, 100),
    ],
)
def test_float32_is_captured_however_little_a_step_changes(model: str, rows: int, batch: int, optimizer: str) -> None:
    built = build_model(model).initialize([0])
    random = torch.Generator().manual_seed(0)
    x, target = torch.randn(rows, 3, generator=random), torch.rand(rows, 4, generator=random)
    updates: Optimizer = build_component("optimizer", optimizer)
    history = fit(built, Examples(x, target), Loss.of("mse"), updates, epochs=8, batch_size=batch, seeds=[0])
    assert history.isfinite().all()


class Centred(Module):
    """y = x - mean x over the rows. dx = dy - mean dy."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(-2, keepdim=True)

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True)


def test_a_layer_that_takes_the_mean_of_the_rows_off_is_captured(captured):
    step = captured(Sequential(Linear(16, 16), Centred(), Tanh(), Linear(16, 1)))
    assert [(phase.obstacle, phase.stage[0]) for phase in step.phases()] == [(None, "settled")] * 2
