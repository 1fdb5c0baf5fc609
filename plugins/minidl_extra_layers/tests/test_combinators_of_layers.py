"""Residual, concat and sum: what they compute, the sizes within them, and the spec that they are."""

from __future__ import annotations

import pytest
import torch
from minidl_extra_layers.concat import Concat
from minidl_extra_layers.residual import Residual
from minidl_extra_layers.sum import Sum

from minidl_core import Linear, Module, Tanh, build_model
from minidl_core.errors import ArgumentError, ShapeError, SpecError
from minidl_core.spec import parse


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("residual(linear(_,4)-tanh)", "residual(linear(4,4)-tanh)"),
        (
            "concat(linear(_,2),tanh-linear(_,3),relu)-linear(_,1)",
            "concat(linear(4,2),tanh-linear(4,3),relu)-linear(9,1)",
        ),
        ("sum(linear(_,3),linear(_,3)-tanh)*2", "sum(linear(4,3),linear(4,3)-tanh)-sum(linear(3,3),linear(3,3)-tanh)"),
        ("concat(a:tanh, residual(sum(tanh,relu)), axes=1)", "concat(a:tanh,residual(sum(tanh,relu)))"),
    ],
)
def test_sizes_are_inferred_within_and_behind_and_the_text_builds_the_same(text, canonical):
    model = build_model(text, (4,))
    assert str(model) == canonical
    assert parse(canonical) == model.to_spec()
    assert str(build_model(canonical)) == canonical
    [output] = model.output_shape((4,))
    x = torch.randn(5, 4)
    assert model.initialize([0]).forward(x).shape == (5, output)


def test_what_they_compute_is_what_their_formulas_say():
    x = normal(5, 4)
    one, other = (build_model("linear(4,4)-tanh").initialize([seed], dtype=torch.float64) for seed in (0, 1))
    f, g = one.forward(x), other.forward(x)
    torch.testing.assert_close(Residual(one).forward(x), x + f)
    torch.testing.assert_close(Concat(one, other).forward(x), torch.cat([f, g], -1))
    torch.testing.assert_close(Sum(one, other).forward(x), f + g)


@pytest.mark.parametrize("spec", ["residual(linear(4,4)-tanh)", "concat(linear(4,2),tanh)", "sum(linear(4,4),tanh)"])
def test_rows_without_rounds_are_taken_by_every_round(spec):
    model, x = build_model(spec).initialize([0, 1], dtype=torch.float64), normal(5, 4)
    y = model.forward(x)
    assert y.shape[:2] == (2, 5)
    for number in range(2):
        alone = build_model(spec).initialize([number], dtype=torch.float64)
        torch.testing.assert_close(y[number], alone.forward(x))


class Maps(Module):
    """Each example `[F]` as maps `[channels, F, 1]`."""

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def forward(self, x):
        return x[..., None, :, None].expand(*x.shape[:-1], self.channels, x.shape[-1], 1)

    def backward(self, dy):
        return dy.sum((-3, -1))

    def output_shape(self, shape):
        return (self.channels, *shape, 1)


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("concat(conv2d(_,2,3),conv2d(_,3,3))-flatten", "concat(conv2d(1,2,3),conv2d(1,3,3),axes=3)-flatten"),
        (
            "concat(conv2d(_,2,3)-flatten,conv2d(_,3,3)-flatten)",
            "concat(conv2d(1,2,3)-flatten,conv2d(1,3,3)-flatten,axes=3)",
        ),
    ],
)
def test_chains_of_maps_are_joined_as_maps_or_features(text, canonical, seeds):
    model = build_model(f"{text}-linear(_,2)", (1, 8, 8))
    assert str(model) == str(build_model(str(model))) == f"{canonical}-linear(180,2)"
    y = model.initialize(seeds).forward(torch.randn(4, 1, 8, 8))
    assert y.shape[-2:] == (4, 2)
    assert model.backward(torch.ones_like(y)).shape[-4:] == (4, 1, 8, 8)


def test_maps_are_joined_along_their_channels():
    x = normal(5, 4)
    layer = Concat(Maps(2), Maps(3))
    assert layer.forward(x).shape == (5, 5, 4, 1)
    assert layer.output_shape((4,)) == (5, 4, 1)
    torch.testing.assert_close(layer.backward(normal(5, 5, 4, 1)), normal(5, 5, 4, 1).sum((-3, -1)))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("residual(linear(4,3))", "residual adds what comes in, 4, to what its chain gives, 3; make both alike"),
        ("sum(linear(4,3),tanh)", "sum adds outputs of one shape, and its chains give 3 and 4"),
        (
            "concat(linear(4,3),tanh,axes=2)",
            "concat expects examples of 2 axes but gets 4; write axes=1",
        ),
        (
            "concat(reshape(2,2,1),reshape(2,1,2))",
            "concat joins along the first axis, and its chains give 2x2x1 and 2x1x2; make the others alike",
        ),
        (
            "concat(reshape(2,2),tanh)",
            "concat joins along the first axis, and its chains give 2x2 and 4; make the others alike",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_before_anything_is_allocated(spec, message):
    with pytest.raises(SpecError) as caught:
        build_model(spec, (4,))
    assert [problem.message for problem in caught.value.problems] == [message]


def test_outputs_of_other_shapes_are_never_broadcast():
    for layer in (Residual(Linear(4, 1)), Sum(Linear(4, 1), Tanh())):
        layer.initialize([0], dtype=torch.float64)
        with pytest.raises(ShapeError, match="cannot add"):
            layer.forward(normal(5, 4))


@pytest.mark.parametrize("combinator", [Concat, Sum])
def test_no_chain_at_all_is_refused(combinator):
    with pytest.raises(ArgumentError, match="at least one chain of layers"):
        combinator()
