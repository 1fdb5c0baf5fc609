"""What every module keeps to, whatever its formula: its parameters, its own step, its place in a model."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from minidl_core.errors import ArgumentError, CallOrderError, RequestError, ShapeError
from minidl_core.nn import Linear, Module, ReLU, Sequential, Sigmoid, Tanh
from minidl_core.spec import build_model

SPEC = "linear(2,3)-relu-hidden:(linear(3,3)-tanh)-linear(3,2,bias=false)"


def double(spec: str = SPEC, rounds: int = 1) -> Sequential:
    return build_model(spec).initialize(list(range(rounds)), dtype=torch.float64)


class Scaled(Module):
    """y = s x, with a layer of its own within: what a plugin's author would write."""

    def __init__(self, inner: Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.inner.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.inner.backward(2 * dy)


def test_param_is_none_where_there_is_nothing_to_learn() -> None:
    assert [layer.param() for layer in (ReLU(), Tanh(), Sigmoid(), Sequential(ReLU(), Tanh()))] == [None] * 4


@pytest.mark.parametrize("rounds", [1, 3])
def test_param_gives_the_very_values_and_gradients(rounds: int) -> None:
    model = double(rounds=rounds)
    pairs = model.param()
    assert pairs is not None
    named = model.named_parameters()
    assert len(pairs) == len(named)
    for (value, grad), parameter in zip(pairs, named.values(), strict=True):
        assert value.data_ptr() == parameter.value.data_ptr()
        assert grad.data_ptr() == parameter.grad.data_ptr()
        assert value.shape == grad.shape == parameter.value.shape


def test_parameters_are_named_by_their_place_and_label() -> None:
    assert list(build_model(SPEC).named_parameters()) == [
        "0.weight",
        "0.bias",
        "hidden.0.weight",
        "hidden.0.bias",
        "3.weight",
    ]


@pytest.mark.parametrize("rounds", [1, 3])
def test_update_param_is_one_plain_step_of_gradient_descent(rounds: int) -> None:
    model = double(rounds=rounds)
    x = torch.randn(5, 2, dtype=torch.float64).expand(*model.parameters.rounds, 5, 2)
    model.backward(model.forward(x))
    expected = [value.clone().sub(grad, alpha=0.25) for value, grad in model.param() or []]
    model.update_param(0.25)
    torch.testing.assert_close([value for value, _ in model.param() or []], expected, rtol=1e-15, atol=1e-15)


def test_update_param_of_one_layer_moves_that_layer_alone() -> None:
    model = double()
    model.parameters.grads.fill_(1.0)
    before = model.parameters.values.clone()
    model[0].update_param(0.5)
    moved = model.parameters.values != before
    assert moved.tolist() == [True] * 9 + [False] * (len(before) - 9)


def test_update_param_without_parameters_does_nothing() -> None:
    Sequential(ReLU(), Tanh()).update_param(0.1)


@pytest.mark.parametrize("built", [lambda a: Sequential(a, a), lambda a: Sequential(Linear(2, 2), a, ReLU(), a)])
@pytest.mark.parametrize("layer", [Linear(2, 2), Tanh()], ids=str)
def test_a_layer_twice_in_a_chain_is_refused(built: type[Sequential], layer: Module) -> None:
    with pytest.raises(ArgumentError, match="twice; build a second one"):
        built(layer)


@pytest.mark.parametrize("layer", [Linear(2, 2), Tanh()], ids=str)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_layer_twice_at_different_depths_is_refused(layer: Module, depth: int) -> None:
    inner: Module = Sequential(layer, Linear(2, 2)).labelled("inner")
    for _ in range(depth - 1):
        inner = Scaled(inner)
    with pytest.raises(ArgumentError, match="twice; build a second one"):
        Sequential(layer, inner).named_parameters()


def test_two_layers_of_one_label_are_refused() -> None:
    # They would have the same parameter names, and one of them would never learn.
    with pytest.raises(ArgumentError, match="label 'hidden' is given twice"):
        Sequential(Linear(2, 2).labelled("hidden"), Linear(2, 2).labelled("hidden"))


def test_two_layers_of_one_label_are_refused_when_labelled_later() -> None:
    model = Sequential(Linear(2, 2), Linear(2, 2))
    model[0].labelled("hidden")
    model[1].labelled("hidden")
    with pytest.raises(ArgumentError, match="label 'hidden' is given twice"):
        _ = model.parameters


def test_two_layers_that_share_a_parameter_are_refused() -> None:
    first, second = Linear(2, 2), Linear(2, 2)
    second.weight = first.weight
    with pytest.raises(ArgumentError, match="share a parameter"):
        _ = Sequential(first, second).parameters


def test_a_layer_within_itself_is_refused() -> None:
    layer = Scaled(Linear(2, 2))
    layer.inner = layer
    with pytest.raises(ArgumentError, match="twice"):
        layer.named_parameters()


def test_a_layer_within_a_layer_is_found_and_trained() -> None:
    model = Sequential(Scaled(Linear(2, 3)), Linear(3, 1)).initialize([0])
    assert list(model.named_parameters()) == ["0.inner.weight", "0.inner.bias", "1.weight", "1.bias"]
    assert len(model.parameters.values) == 13


@pytest.mark.parametrize("label", ["", "Hidden", "1st", "a-b", "a.b", "é"])
def test_a_label_that_no_spec_could_write_is_refused(label: str) -> None:
    with pytest.raises(ArgumentError, match="label must be"):
        ReLU().labelled(label)


def test_a_chain_is_reached_by_place_and_by_label() -> None:
    model = build_model(SPEC)
    assert len(model) == 4
    assert isinstance(model[1], ReLU)
    assert model["hidden"] is model[2]


def test_an_unlabelled_chain_within_a_chain_is_joined_into_it() -> None:
    a, b, c = Linear(2, 2), ReLU(), Linear(2, 2)
    assert Sequential(a, Sequential(b, c)).layers == [a, b, c]
    labelled = Sequential(b, c).labelled("inner")
    assert Sequential(a, labelled).layers == [a, labelled]


def test_an_empty_chain_is_refused() -> None:
    with pytest.raises(ArgumentError, match="at least one layer"):
        Sequential()


def test_shapes_and_operations_follow_the_layers() -> None:
    model = build_model("linear(7,4)-relu-linear(4,3,bias=false)")
    assert model.output_shape((7,)) == (3,)
    # 2·7·4 multiplications and additions, 4 biases, 4 maxima, 2·4·3
    assert model.operations((7,)) == 56 + 4 + 4 + 24


@pytest.mark.parametrize("arguments", [(0, 1), (1, 0), (-2, 3)])
def test_linear_needs_sizes_of_at_least_one(arguments: tuple[int, int]) -> None:
    with pytest.raises(ArgumentError, match=r"(in|out)_features must be at least 1, got"):
        Linear(*arguments)


def test_linear_says_which_size_it_expects_and_gets() -> None:
    layer = Linear(3, 4)
    with pytest.raises(ShapeError, match=r"linear\(3,4\) expects inputs of size 3, got \[5, 2\]"):
        layer.forward(torch.zeros(5, 2))
    with pytest.raises(ShapeError, match="expects 3 inputs but gets 2x3"):
        layer.output_shape((2, 3))


@pytest.mark.parametrize(
    "x", [torch.zeros(5, 3).double(), torch.zeros(5, 3, dtype=torch.int64), torch.zeros(5, 3).numpy().astype("f8")]
)
def test_linear_says_which_type_it_expects_and_gets(x: Any) -> None:
    with pytest.raises(
        RequestError, match=r"has weights of torch.float32, got inputs of \S*(float64|int64); convert them"
    ):
        Linear(3, 4).forward(x)


def test_a_model_is_initialized_with_one_seed_at_least() -> None:
    with pytest.raises(ArgumentError, match=r"seeds must be at least one, got \[\]"):
        Linear(3, 4).initialize([])


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
def test_a_copy_is_whole_and_independent(copied: type[Sequential], rounds: int) -> None:
    model = double(rounds=rounds)
    x = torch.randn(5, 2, dtype=torch.float64)
    model.backward(model.forward(x.expand(*model.parameters.rounds, 5, 2)))
    values, grads, y = model.parameters.values.clone(), model.parameters.grads.clone(), model.forward(x)

    other = copied(model)
    assert str(other) == str(model) == SPEC
    assert torch.equal(other.forward(x), y)
    assert torch.equal(other.parameters.values, values)
    assert torch.equal(other.parameters.grads, grads)
    assert other.parameters.rounds == model.parameters.rounds
    assert other.parameters.values.dtype == torch.float64

    other.parameters.values.zero_()
    other.parameters.grads.zero_()
    assert not other.forward(x).any()
    assert torch.equal(model.parameters.values, values)
    assert torch.equal(model.parameters.grads, grads)
    assert torch.equal(model.forward(x), y)


def test_a_copy_of_a_layer_without_a_forward_refuses_backward() -> None:
    with pytest.raises(CallOrderError, match=r"Tanh\.backward was called before forward"):
        pickle.loads(pickle.dumps(Tanh())).backward(torch.ones(1, 1))


def test_more_numbers_than_memory_are_refused_before_they_are_allocated() -> None:
    with pytest.raises(RequestError, match="train fewer rounds at once or a smaller model"):
        Sequential(Linear(40_000, 20_000)).initialize(range(2))


def test_a_subclass_of_sequential_keeps_its_own_formula_within_a_chain() -> None:
    class Skip(Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return x + super().forward(x)

    skip = Skip(Linear(2, 2))
    model = Sequential(skip, ReLU())
    x = torch.randn(3, 2)
    assert len(model) == 2
    assert torch.equal(model.forward(x), (x + skip.layers[0].forward(x)).clamp(min=0))
    assert str(model).startswith("Skip")
