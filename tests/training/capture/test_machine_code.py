"""What is often run is machine code, which gives what torch gives, for any shapes and layouts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from long_vectors import Numbers, recorded, scaled_quotient
from needs import needs
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import MSE
from minidl_core.nn import Linear, Module, Sequential
from minidl_core.optim import SGD
from minidl_core.training import fit
from minidl_core.training.capture import CapturedStep, chains, machine_code, program
from minidl_core.training.capture.instructions import FUNCTIONS
from minidl_core.training.capture.machine_code import compiled
from minidl_core.training.capture.operations import Memory, Value
from minidl_core.training.capture.product_code import MOST_ON_STACK, Product
from minidl_core.training.capture.program import Program
from minidl_core.training.capture.record import Recorder
from minidl_core.training.capture.worth import MOST_OPERATIONS

REPORT = "linear(2,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,2)"
TYPES = st.sampled_from([torch.float32, torch.float64])
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-12}
"""Of sums of up to some ten thousand numbers, which are added in another order."""


def laid_out(shape: tuple[int, ...], order: tuple[int, ...], pad: int, dtype: torch.dtype) -> Tensor:
    """Random numbers with the axes in some order in memory, each row of which has some numbers more than it needs."""
    sizes = [shape[axis] for axis in order]
    whole = torch.randn(*sizes[:-1], sizes[-1] + pad, dtype=dtype)[..., : sizes[-1]]
    return whole.permute(*[order.index(axis) for axis in range(len(shape))])


def replayed(work: Any, *tensors: Tensor) -> list[str]:
    """Record some work that writes into tensors, set them back, and do it again; the operations that were left."""
    before = [one.clone() for one in tensors]
    with Recorder(torch.device("cpu")) as recorder:
        work()
    program = Program(recorder.operations, [], torch.device("cpu"), 1, compiled=True)
    expected = [one.clone() for one in tensors]
    for one, old in zip(tensors, before, strict=True):
        one.copy_(old)
    with np.errstate(all="ignore"):
        program.run()
    for one, right in zip(tensors, expected, strict=True):
        tolerance = TOLERANCE[one.dtype]
        torch.testing.assert_close(one, right, rtol=tolerance, atol=tolerance, equal_nan=True)
    assert len(program.calls) == 1
    return [one.name for one in program.operations]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_product_of_matrices_of_any_layout(data: st.DataObject) -> None:
    rows, inner, columns = (data.draw(st.integers(1, 40), label=name) for name in ("rows", "inner", "columns"))
    rounds = data.draw(st.sampled_from([(), (3,)]), label="rounds")
    dtype = data.draw(TYPES, label="type")

    def matrix(name: str, *shape: int) -> Tensor:
        order = data.draw(st.permutations(range(len(rounds) + 2)), label=f"order of {name}")
        return laid_out((*rounds, *shape), tuple(order), data.draw(st.sampled_from([0, 1, 5])), dtype)

    left, right, output = matrix("left", rows, inner), matrix("right", inner, columns), matrix("output", rows, columns)
    whole = laid_out(output.shape, tuple(range(output.dim())), 0, dtype)

    def work() -> None:
        whole.copy_(left @ right)
        output.copy_(whole)

    replayed(work, whole, output)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_products_are_left_to_blas(threads: int) -> None:
    x, w, y = torch.randn(200, 100), torch.randn(100, 100), torch.empty(200, 100)
    with Recorder(torch.device("cpu")) as recorder:
        y.copy_(x @ w)
    [product] = Program(recorder.operations, [], torch.device("cpu"), threads, compiled=True).operations
    assert chains.link_of(product, threads) is None


def test_a_factor_that_is_too_large_for_the_stack_is_not_laid_out_anew() -> None:
    def value(tensor: Tensor) -> Value:
        return Value.of(tensor, Memory(tensor))

    size = MOST_ON_STACK // 4 // 16
    left, right, output = torch.empty(4, size).T, torch.empty(16, 4), torch.empty(size, 16).T
    assert Product.of(value(left), value(right.T), value(output.T)) is not None
    # Neither a row of the left nor a column of the right factor lies together, and nor does the other way round.
    left, right = torch.empty(size * 2, 2 * 40)[:, ::2], torch.empty(2 * 40, 2 * 20)[::2, ::2]
    assert Product.of(value(left), value(right), value(torch.empty(20, 2 * size).T)) is None


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_sum_over_any_axes(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=4), label="shape"))
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    axes = data.draw(st.sets(st.integers(-len(shape), len(shape) - 1), min_size=1), label="axes")
    axes = {axis % len(shape) for axis in axes}
    keepdim = data.draw(st.booleans())
    x = laid_out(shape, order, data.draw(st.sampled_from([0, 3])), data.draw(TYPES))
    total = torch.empty_like(x.sum(tuple(axes), keepdim))
    assert "sum" in replayed(lambda: total.copy_(x.sum(tuple(axes), keepdim)), total)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_what_broadcasts_in_any_layout(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 18), min_size=1, max_size=3), label="shape"))
    dtype = data.draw(TYPES)

    def tensor(like: tuple[int, ...]) -> Tensor:
        order = tuple(data.draw(st.permutations(range(len(like)))))
        return (
            laid_out(like, order, data.draw(st.sampled_from([0, 2])), dtype) if like else torch.randn((), dtype=dtype)
        )

    def part() -> Tensor:
        sizes = [data.draw(st.sampled_from([size, 1])) for size in shape]
        return tensor(tuple(sizes[data.draw(st.integers(0, len(shape))) :]))

    x, y, z = part(), part(), tensor(shape)
    kept, copied = tensor(shape), tensor(shape)

    def work() -> None:
        z.mul_(x)
        kept.copy_(torch.where(z > y, z, x) - (z < 0) * y)
        copied.copy_(x)

    replayed(work, z, kept, copied)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_exp_and_tanh_are_right_to_three_units_in_the_last_place(name: str, dtype: torch.dtype) -> None:
    assert name in FUNCTIONS
    exact: Any = np.float64 if dtype == torch.float32 else np.longdouble
    if np.finfo(exact).nmant <= np.finfo(np.float64).nmant and dtype == torch.float64:
        pytest.skip("there is no longer type of floating point here to compare with")
    largest = math.log(torch.finfo(dtype).max)
    random = torch.Generator().manual_seed(0)
    spread = torch.cat([torch.rand(20_000, generator=random, dtype=dtype) * 2 - 1] * 4)
    x = torch.cat([part * scale for part, scale in zip(spread.chunk(4), (1e-6, 1, 20, largest), strict=True)])
    got = torch.empty_like(x)
    assert replayed(lambda: got.copy_(getattr(x, name)() * 1.0), got) == ["loop"]
    right = getattr(np, name)(x.numpy().astype(exact))
    units = np.abs(got.numpy().astype(exact) - right) / np.spacing(np.abs(right).astype(x.numpy().dtype))
    assert units.max() < 3


@pytest.mark.usefixtures("compiled_soon")
@pytest.mark.parametrize("rounds", [1, 3])
def test_the_reports_step_is_two_calls(captured: Any, rounds: int) -> None:
    step: CapturedStep = captured(REPORT, batch=10, rounds=rounds)
    assert [len(phase.program.calls) for phase in step.phases() if phase.program] == [1, 1]


def test_nothing_is_made_before_it_is_worth_it(captured: Any) -> None:
    made = compiled.cache_info().misses
    step: CapturedStep = captured(REPORT, batch=10)
    gradients = step.phases()[1].program
    assert gradients is not None
    assert gradients.runs_until_compiled is not None
    assert 500 < gradients.runs_until_compiled < 1000
    assert len(gradients.calls) > 20
    assert compiled.cache_info().misses == made


@needs("adam")
@pytest.mark.parametrize(("batch", "threads", "is_made"), [(512, 1, False), (16, 1, True), (512, 8, True)])
def test_none_is_made_where_large_products_are_nearly_all(
    captured: Any, batch: int, threads: int, is_made: bool
) -> None:
    """They take as long with it, but for threads that have an update which takes as long as before beside them."""
    made = compiled.cache_info().misses
    step: CapturedStep = captured(
        "linear(512,1024)-relu-linear(1024,4)", batch=batch, optimizer="adam", threads=threads
    )
    programs = [phase.program for phase in step.phases()]
    assert [one and "loop" in {operation.name for operation in one.operations} for one in programs] == [is_made] * 2
    assert [one and one.runs_until_compiled is not None for one in programs] == [is_made] * 2
    assert (compiled.cache_info().misses > made) == is_made


def test_an_update_is_weighed_with_the_products_beside_it(captured: Any) -> None:
    step: CapturedStep = captured("linear(200,300)-relu-linear(300,2)", batch=10)
    gradients = step.phases()[1].program
    assert gradients is not None
    assert gradients.gain.products > 0
    assert step.update.beside == gradients.gain
    resumed = CapturedStep(step.model, step.loss, step.update.optimizer, threads=1)
    resumed.update.reach(step.update.stage)
    assert resumed.update.beside == gradients.gain


def test_none_is_made_of_very_many_operations() -> None:
    x = torch.zeros(3)
    for count, is_made in (MOST_OPERATIONS, True), (MOST_OPERATIONS + 1, False):
        with Recorder(torch.device("cpu")) as recorder:
            for _ in range(count):
                x.add_(1)
        program = Program(recorder.operations, [], torch.device("cpu"), 1)
        assert (program.runs_until_compiled is not None) == is_made


def test_the_larger_a_step_the_sooner_machine_code_is_worth_it(captured: Any) -> None:
    runs = [captured(REPORT, batch=batch).phases()[1].program.runs_until_compiled for batch in (10, 100, 500)]
    assert runs == sorted(runs, reverse=True)
    assert runs[2] < runs[0] / 2


def test_the_same_work_is_made_once() -> None:
    first, second = (recorded(scaled_quotient, Numbers.made(50, torch.float32), compiled=True) for _ in range(2))
    assert [call.func for call in first.calls] == [call.func for call in second.calls]
    other = recorded(scaled_quotient, Numbers.made(51, torch.float32), compiled=True)
    assert [call.func for call in other.calls] != [call.func for call in first.calls]


@pytest.mark.usefixtures("compiled_soon")
def test_where_it_cannot_be_made_the_calls_go_on(
    captured: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no target")

    monkeypatch.setattr(chains, "compiled", fails)
    step: CapturedStep = captured(REPORT, batch=10)
    for phase in step.phases():
        assert phase.obstacle is None
        assert phase.program is not None
    said = "no machine code is made of a training step, which goes on as calls: RuntimeError: no target"
    assert caplog.messages == [said, said]  # of the gradients and of the update
    resumed = CapturedStep(step.model, step.loss, step.update.optimizer, threads=1)
    resumed.update.reach(step.update.stage)
    assert resumed.update.stage == step.update.stage
    assert caplog.messages == [said, said]  # it is not tried again


@pytest.mark.usefixtures("compiled_soon")
def test_where_it_gives_other_numbers_the_calls_go_on(
    captured: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(code: Any, x: Any) -> Any:
        return code.fadd(x, x)

    monkeypatch.setitem(FUNCTIONS, "tanh", wrong)
    step: CapturedStep = captured("linear(2,7)-tanh-linear(7,2)", batch=13)
    gradients = step.phases()[1]
    assert gradients.obstacle is None
    assert gradients.program is not None
    assert "it gives other numbers than they do" in caplog.text


class Scaled(Module):
    factor = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x

    def backward(self, dy: Tensor) -> Tensor:
        return self.factor * dy


def test_what_is_set_after_an_epoch_is_compiled_anew_only_when_it_has_stayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that is set after each epoch would cost LLVM's time in each."""
    monkeypatch.setattr(program, "runs_until_worth", lambda *_: 6)
    scaled = Scaled()
    model = Sequential(Linear(2, 3), scaled, Linear(3, 1)).initialize([0])
    x = torch.randn(80, 2)
    made: list[int] = []

    def set_factor(epoch: int, *_: object) -> None:
        made.append(compiled.cache_info().misses)
        scaled.factor = 1 + epoch / 100

    fit(model, Examples(x, x[:, :1]), MSE(), SGD(0.01), epochs=8, batch_size=10, seeds=[0], on_epoch=set_factor)
    assert made[-1] - made[0] <= 1  # the update


@pytest.mark.usefixtures("without_llvmlite", "compiled_soon")
def test_without_llvmlite_there_is_no_machine_code(captured: Any) -> None:
    made = compiled.cache_info().misses
    captured(REPORT, batch=10)
    assert compiled.cache_info().misses == made


@pytest.mark.parametrize("threads", [2, 3])
def test_with_several_threads_what_is_large_is_none_of_one_thread(threads: int) -> None:
    x, y = (torch.randn(2**19 + 5, 1) for _ in range(2))
    total = torch.zeros(1)
    with Recorder(torch.device("cpu")) as recorder:
        total.copy_((x * y).sum(0))
    program = Program(recorder.operations, [], torch.device("cpu"), threads, compiled=True)
    links = [chains.link_of(one, threads) for one in program.operations]
    assert [link and link.is_shared for link in links] == [True, None]
    assert machine_code.is_available()
