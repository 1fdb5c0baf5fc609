"""What is left of a step when it is captured: which calls, and what memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from needs import needs
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from minidl_core.training.capture import CapturedStep
from minidl_core.training.capture.blocks import BLOCK
from minidl_core.training.capture.operations import Value
from minidl_core.training.capture.program import Program
from minidl_core.training.capture.record import Recorder

REPORT = "linear(2,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,2)"
DIGITS = "linear(64,128)-relu-linear(128,10)"
LARGE = "linear(64,300)-relu-linear(300,300)-relu-linear(300,10)"


def programs(step: CapturedStep) -> list[Any]:
    found = [phase.program for phase in step.phases()]
    assert None not in found
    return found


def names(step: CapturedStep) -> list[str]:
    return [operation.name for program in programs(step) for operation in program.operations]


def calls(step: CapturedStep) -> list[str]:
    found = [call for program in programs(step) for call in program.calls]
    return [getattr(call.func, "__name__", "reduce") for call in found]


def replay(step: CapturedStep) -> None:
    with np.errstate(all="ignore"):
        for program in programs(step):
            program.run()


@pytest.mark.parametrize(("rounds", "batch", "number"), [(1, 10, 35), (10, 16, 35), (10, 10, 38)])
def test_the_reports_step_is_35_calls(captured: Any, rounds: int, batch: int, number: int) -> None:
    step = captured(REPORT, rounds=rounds, batch=batch)
    assert len(calls(step)) == number
    product = "dot" if rounds == 1 else "matmul"
    # Four forward, four for weights and biases, three for the gradients of inputs, and two sums of the loss's errors.
    assert calls(step).count(product) == (12 if rounds == 1 else 11)
    # The learning rate, the batch beside ones, the mask of ReLU as numbers; of many rounds with few rows also three
    # activations beside ones.
    assert calls(step).count("__setitem__") == number - 32


def test_what_is_copied_on_is_written_too() -> None:
    """A product is made in the place of a tensor from outside, which is not only a step on the way to another."""
    x, first, second = torch.ones(2, 2), torch.zeros(2, 2), torch.zeros(2, 2)
    with Recorder(torch.device("cpu")) as recorder:
        first.copy_(x @ x)
        second.copy_(first)
    program = Program(recorder.operations, [], torch.device("cpu"), 1)
    x += 1
    program.run()
    assert first.tolist() == second.tolist() == [[8, 8], [8, 8]]


def test_the_gradient_of_the_first_layers_input_is_not_computed(captured: Any) -> None:
    # Of one layer: the product, its bias within, and the product of the weight's gradient.
    assert names(captured("linear(3,4)")).count("matmul") == 2
    assert names(captured("linear(3,4)-tanh-linear(4,4)")).count("matmul") == 5


def test_gradients_are_written_where_they_belong(captured: Any) -> None:
    step = captured(REPORT)
    grads = step.parameters.grads.untyped_storage().data_ptr()
    copies = [operation for program in programs(step) for operation in program.operations if operation.name == "copy_"]
    assert not any(copy.args[0].memory.outside.untyped_storage().data_ptr() == grads for copy in copies)


def test_a_bias_is_no_call_of_its_own(captured: Any) -> None:
    assert "add" not in names(captured("linear(3,4)-tanh-linear(4,2)"))
    assert "add" in names(
        captured("linear(3,400)-tanh-linear(400,400)", batch=20)
    )  # large products are left as they are


@needs("cross_entropy")
def test_what_needs_no_run_of_its_own_is_made_once(captured: Any) -> None:
    assert "scatter" in names(captured(DIGITS, loss="cross_entropy"))  # one-hot targets, of zeros
    assert "zeros_like" not in names(captured(DIGITS, loss="cross_entropy"))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize(
    ("model", "loss", "optimizer", "batch"),
    [
        (REPORT, "mse", "sgd", 10),
        pytest.param(REPORT, "mae", "adam", 100, marks=needs("adam")),
        pytest.param(DIGITS, "cross_entropy", "adam", 32, marks=needs("adam", "cross_entropy")),
        pytest.param(DIGITS, "binary_cross_entropy", "rmsprop", 32, marks=needs("rmsprop", "binary_cross_entropy")),
        pytest.param(LARGE, "cross_entropy", "adamw", 200, marks=needs("adamw", "cross_entropy")),
    ],
)
def test_nothing_is_allocated_in_a_replayed_step(
    captured: Any, model: str, loss: str, optimizer: str, batch: int, rounds: int, compiled: bool, request: Any
) -> None:
    if compiled:
        request.getfixturevalue("compiled_soon")
    step = captured(model, loss=loss, optimizer=optimizer, batch=batch, rounds=rounds)
    replay(step)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        replay(step)
    assert [event.name for event in profiled.events() if event.cpu_memory_usage > 0] == []
    tracemalloc.start()
    try:
        replay(step)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        replay(step)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - before < 2000  # Python's numbers and tuples, and no array of any layer


def test_the_profile_sees_what_a_plain_step_allocates(captured: Any) -> None:
    step = captured(REPORT, capture=False)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step.update.run()
    assert any(event.cpu_memory_usage > 0 for event in profiled.events())


@pytest.mark.parametrize("compiled", [False, True])
def test_memory_is_shared_by_what_is_never_needed_at_once(captured: Any, compiled: bool, request: Any) -> None:
    if compiled:
        request.getfixturevalue("compiled_soon")
    [gradients] = captured("-".join(["linear(64,64)-tanh"] * 8), batch=64)._of_shape.values()
    made = {value.memory: value for operation in gradients.program.operations for value in operation.outputs}
    apart = sum(value.size * value.dtype.itemsize for memory, value in made.items() if memory.outside is None)
    assert gradients.program.bytes < 0.6 * apart


@needs("adam")
def test_an_optimizers_step_of_many_weights_is_one_loop_without_memory_of_its_own(captured: Any) -> None:
    step = captured("linear(200,100)", optimizer="adam", batch=4)
    assert [one.name for one in step.update.program.operations].count("loop") == 1
    assert step.update.program.bytes < 1000


@needs("adam")
@pytest.mark.usefixtures("without_llvmlite")
def test_without_llvmlite_what_lies_between_long_vectors_needs_one_block_of_memory(captured: Any) -> None:
    step = captured("linear(2000,1000)", optimizer="adam", batch=4)
    assert step.parameters.values.numel() > 7 * BLOCK
    assert step.update.program.bytes <= 3 * BLOCK * 4


def test_no_value_lies_where_another_is_still_needed(captured: Any) -> None:
    """Each result is compared with what it was at once, when it is read later."""
    step = captured("linear(5,7)-relu-linear(7,6)-sigmoid-linear(6,4)-tanh-linear(4,3)", rounds=2, dtype=torch.float64)
    [gradients] = step._of_shape.values()
    program = gradients.program
    at_once: dict[Any, Tensor] = {}
    for operation in program.operations:
        for value in operation.arguments:
            if value.memory in at_once and value.memory.outside is None and isinstance(value, Value):
                now = program.tensor(value)
                expected = at_once[value.memory].as_strided(now.shape, now.stride(), value.offset)
                assert torch.equal(now, expected), operation
        for call in program._calls(operation, program.tensor):
            call()
        for value in operation.writes:
            whole = program.tensor(value)
            at_once[value.memory] = whole.clone(memory_format=torch.preserve_format)
