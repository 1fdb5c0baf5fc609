"""A model's parameters are one flat tensor, and each of them a view into it, both ways."""

from __future__ import annotations

import copy

import pytest
import torch

from minidl_core.errors import RequestError, ShapeError
from minidl_core.nn import Linear, ReLU, Sequential
from minidl_core.seeding import round_seeds
from minidl_core.spec import build_model

SPEC = "linear(2,3)-relu-h:(linear(3,4,init=xavier_normal)-tanh)-linear(4,1,bias=false)"
SIZE = 9 + 16 + 4

any_rounds = pytest.mark.parametrize("rounds", [1, 3])


def model_of(rounds: int, dtype: torch.dtype = torch.float64) -> Sequential:
    return build_model(SPEC).initialize(round_seeds(0, rounds), dtype=dtype)


@any_rounds
def test_the_flat_tensors_have_one_row_a_round(rounds: int) -> None:
    parameters = model_of(rounds).parameters
    shape = (SIZE,) if rounds == 1 else (rounds, SIZE)
    assert parameters.values.shape == parameters.grads.shape == shape
    assert parameters.rounds == shape[:-1]


@any_rounds
def test_a_row_is_the_parameters_one_after_the_other(rounds: int) -> None:
    model = model_of(rounds)
    values = [p.value.flatten(-len(p.shape)) for p in model.named_parameters().values()]
    assert torch.equal(model.parameters.values, torch.cat(values, -1))


@any_rounds
def test_writing_the_flat_tensor_writes_every_parameter(rounds: int) -> None:
    model = model_of(rounds)
    model.parameters.values.copy_(torch.arange(float(SIZE)))
    model.parameters.grads.copy_(-torch.arange(float(SIZE)))
    start = 0
    for parameter in model.named_parameters().values():
        expected = torch.arange(float(start), start + parameter.size, dtype=torch.float64).reshape(parameter.shape)
        assert torch.equal(parameter.value, expected.expand_as(parameter.value))
        assert torch.equal(parameter.grad, -expected.expand_as(parameter.grad))
        start += parameter.size
    assert start == SIZE


@any_rounds
def test_writing_a_parameter_writes_the_flat_tensor(rounds: int) -> None:
    model = model_of(rounds)
    model.parameters.values.zero_()
    for parameter in model.named_parameters().values():
        parameter.value.fill_(1.0)
        parameter.grad = torch.full_like(parameter.grad, 2.0)
    assert (model.parameters.values == 1).all()
    assert (model.parameters.grads == 2).all()


@any_rounds
def test_backward_fills_the_whole_flat_gradient(rounds: int) -> None:
    model = model_of(rounds)
    model.parameters.grads.fill_(torch.nan)
    model.backward(torch.ones_like(model.forward(torch.ones(*model.parameters.rounds, 5, 2, dtype=torch.float64))))
    assert model.parameters.grads.isfinite().all()


@pytest.mark.parametrize("shape", [(3, 2), (1, 3), (3,), (), (6,), (1, 2, 3)])
def test_a_gradient_of_another_shape_is_refused_even_if_it_would_broadcast(shape: tuple[int, ...]) -> None:
    layer = Linear(2, 3)
    layer.weight.grad = torch.ones(2, 3)
    with pytest.raises(ShapeError) as refused:
        layer.weight.grad = torch.zeros(shape)
    assert str(list(shape)) in str(refused.value)
    assert "[2, 3]" in str(refused.value)
    assert torch.equal(layer.weight.grad, torch.ones(2, 3))


def test_a_gradient_without_the_round_axis_is_refused() -> None:
    model = Sequential(Linear(2, 3)).initialize([0, 1])
    with pytest.raises(ShapeError, match=r"shape \[2, 3\] for a parameter of \[2, 2, 3\]"):
        model.named_parameters()["0.weight"].grad = torch.zeros(2, 3)


def test_parameters_are_the_same_tensors_each_time() -> None:
    model = model_of(2)
    assert model.parameters is model.parameters
    assert model.parameters.values.data_ptr() == model.parameters.values.data_ptr()


@any_rounds
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_layer_taken_into_another_model_keeps_its_values_rounds_and_dtype(rounds: int, dtype: torch.dtype) -> None:
    layer = Sequential(Linear(2, 3)).initialize(round_seeds(0, rounds), dtype=dtype)[0]
    before = [value.clone() for value, _ in layer.param() or []]
    model = Sequential(layer, ReLU(), Linear(3, 1))
    rows = model.parameters
    assert rows.values.dtype == dtype
    assert rows.values.shape == ((13,) if rounds == 1 else (rounds, 13))
    for (value, _), old in zip(layer.param() or [], before, strict=True):
        assert torch.equal(value, old)
    rows.values.fill_(7.0)
    assert all((value == 7).all() for value, _ in layer.param() or [])


@any_rounds
def test_the_flat_view_of_one_layer_leaves_the_model_as_it_was(rounds: int) -> None:
    model = model_of(rounds)
    before = model.parameters.values.clone()
    alone = model[0].parameters
    assert torch.equal(alone.values, before[..., :9])
    assert torch.equal(model.parameters.values, before)


@any_rounds
def test_a_copied_layer_stands_alone(rounds: int) -> None:
    model = model_of(rounds)
    layer = copy.deepcopy(model[0])
    assert torch.equal(layer.parameters.values, model.parameters.values[..., :9])
    layer.parameters.values.zero_()
    assert model.parameters.values[..., :9].any()


def test_layers_of_different_rounds_make_no_model() -> None:
    two = Sequential(Linear(2, 3)).initialize([0, 1])
    three = Sequential(Linear(3, 1)).initialize([0, 1, 2])
    with pytest.raises(RequestError, match="rounds"):
        _ = Sequential(two[0], three[0]).parameters


def test_values_drawn_before_the_model_was_whole_are_kept() -> None:
    layer = Linear(2, 3)
    value = layer.weight.value.clone()
    model = Sequential(layer, Linear(3, 1))
    assert torch.equal(model.parameters.values[:6].reshape(2, 3), value)


def test_a_model_without_a_seed_draws_from_torchs_default_generator() -> None:
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return build_model(SPEC).parameters.values

    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


@pytest.mark.parametrize("seeds", [[0, 1, 2], [5, 0], [3, 3], [-1, 2**40]])
def test_each_round_begins_as_the_run_of_its_own_seed(seeds: list[int]) -> None:
    together = build_model(SPEC).initialize(seeds, dtype=torch.float64).parameters.values
    for row, seed in zip(together, seeds, strict=True):
        assert torch.equal(row, build_model(SPEC).initialize([seed], dtype=torch.float64).parameters.values)


def test_different_seeds_begin_differently_everywhere() -> None:
    values = model_of(2).parameters.values
    assert (values[0] != values[1]).all()


def test_layers_alike_begin_differently() -> None:
    model = Sequential(Linear(5, 5), Linear(5, 5)).initialize([0])
    first, second = model.parameters.values.chunk(2)
    assert (first != second).all()


@any_rounds
def test_float32_weights_are_the_float64_ones_rounded(rounds: int) -> None:
    single, precise = (model_of(rounds, dtype).parameters.values for dtype in (torch.float32, torch.float64))
    assert single.dtype == torch.float32
    assert torch.equal(single, precise.to(torch.float32))
    assert not torch.equal(single.to(torch.float64), precise)


def test_initializing_again_draws_anew_and_forgets_gradients() -> None:
    model = model_of(1)
    first = model.parameters.values.clone()
    model.parameters.grads.fill_(1.0)
    model.initialize([1], dtype=torch.float64)
    assert (model.parameters.values != first).all()
    assert not model.parameters.grads.any()
    assert torch.equal(model.initialize([0], dtype=torch.float64).parameters.values, first)


def test_assigning_all_values_or_gradients_writes_into_the_parameters() -> None:
    model = Linear(2, 3)
    flat = model.parameters
    flat.values = torch.arange(9.0)
    flat.grads = flat.values + 1
    assert torch.equal(model.weight.value, torch.arange(6.0).view(2, 3))
    assert torch.equal(model.weight.grad, torch.arange(6.0).view(2, 3) + 1)
    with pytest.raises(ShapeError, match="8"):
        flat.values = torch.zeros(8)
