"""Convolutions, pools, flatten and reshape against PyTorch's modules and autograd."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from minidl_extra_layers.avg_pool2d import AvgPool2d
from minidl_extra_layers.conv_transpose2d import ConvTranspose2d
from minidl_extra_layers.convolution import Conv1d, Conv2d
from minidl_extra_layers.max_pool2d import MaxPool2d
from minidl_extra_layers.weight_gradient import weight_gradient

from minidl_core.data.rounds import Examples
from minidl_core.errors import ShapeError, SpecError
from minidl_core.losses import Loss
from minidl_core.optim import SGD
from minidl_core.spec import build_model, parse
from minidl_core.training import fit

few = settings(max_examples=40, deadline=None)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(st.integers(0, 2), st.integers(0, 2))
sizes = st.tuples(st.integers(1, 8), st.integers(1, 8))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def assert_equals(layer, module, x):
    """Output, and the gradients of the input and of all parameters."""
    module = module.double()
    layer.initialize([0], dtype=torch.float64)
    for name, parameter in layer.named_parameters().items():
        parameter.value.copy_(getattr(module, name).detach())
    leaf = x.clone().requires_grad_()
    expected = module(leaf)
    dy = normal(*expected.shape, seed=1)
    expected.backward(dy)
    torch.testing.assert_close(layer.forward(x), expected.detach())
    assert layer.output_shape(tuple(x.shape[1:])) == tuple(expected.shape[1:])
    torch.testing.assert_close(layer.backward(dy), leaf.grad)
    for name, parameter in layer.named_parameters().items():
        torch.testing.assert_close(parameter.grad, getattr(module, name).grad)


def assert_equals_or_both_refuse(layer, module, x):
    """What has no room in PyTorch is refused by us."""
    try:
        module.double()(x)
    except RuntimeError:
        with pytest.raises(ShapeError):
            layer.output_shape(tuple(x.shape[1:]))
    else:
        assert_equals(layer, module, x)


@few
@given(sizes, pairs, pairs, paddings, pairs, st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_conv2d_equals_pytorch(size, kernel, stride, padding, dilation, groups, wide, bias):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": bias}
    x = normal(2, 2 * groups, *size)
    layer, module = (one(2 * groups, wide * groups, kernel, **options) for one in (Conv2d, torch.nn.Conv2d))
    assert_equals_or_both_refuse(layer, module, x)


@few
@given(st.integers(1, 9), *[st.integers(1, 3)] * 2, st.integers(0, 2), st.integers(1, 3), st.integers(1, 2))
def test_conv1d_equals_pytorch(size, kernel, stride, padding, dilation, groups):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    layer, module = (one(2 * groups, groups, kernel, **options) for one in (Conv1d, torch.nn.Conv1d))
    assert_equals_or_both_refuse(layer, module, normal(2, 2 * groups, size))


@few
@given(sizes, pairs, pairs, paddings, pairs, st.integers(1, 2), paddings)
def test_conv_transpose2d_equals_pytorch(size, kernel, stride, padding, dilation, groups, over):
    assume(all(o < max(s, d) for o, s, d in zip(over, stride, dilation, strict=True)))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "output_padding": over}
    layer, module = (one(2 * groups, groups, kernel, **options) for one in (ConvTranspose2d, torch.nn.ConvTranspose2d))
    assert_equals_or_both_refuse(layer, module, normal(2, 2 * groups, *size))


@few
@given(sizes, pairs, st.none() | pairs, paddings, pairs, st.booleans(), st.booleans())
def test_max_pool2d_equals_pytorch(size, kernel, stride, padding, dilation, ceil_mode, ties):
    assume(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)))
    assume(all(d <= n for d, n in zip(dilation, size, strict=True)))  # else PyTorch may read beside the map
    layer, module = (one(kernel, stride, padding, dilation, ceil_mode=ceil_mode) for one in _max_pools())
    x = normal(2, 2, *size)
    assert_equals_or_both_refuse(layer, module, x.round() if ties else x)


def _max_pools():
    return MaxPool2d, lambda *args, ceil_mode: torch.nn.MaxPool2d(*args, ceil_mode=ceil_mode)


@few
@given(sizes, pairs, st.none() | pairs, paddings, st.booleans(), st.booleans(), st.none() | st.integers(1, 3))
def test_avg_pool2d_equals_pytorch(size, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    assume(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)))
    arguments = kernel, stride, padding, ceil_mode, count_include_pad, divisor
    layer, module = AvgPool2d(*arguments), torch.nn.AvgPool2d(*arguments)
    assert_equals_or_both_refuse(layer, module, normal(2, 2, *size))


@pytest.mark.parametrize("layer", [Conv1d(2, 3, 3, padding="same", dilation=2), Conv1d(2, 3, 3, padding="valid")])
def test_padding_in_words_equals_pytorch(layer):
    module = torch.nn.Conv1d(2, 3, 3, padding=layer.arguments["padding"], dilation=layer.arguments["dilation"])
    assert_equals(layer, module, normal(2, 2, 7))


def test_nan_is_the_greatest_number_of_its_window_as_in_pytorch():
    x = normal(1, 1, 4, 4)
    x[0, 0, 1, 1] = torch.nan
    torch.testing.assert_close(MaxPool2d(2).forward(x), torch.nn.MaxPool2d(2)(x), equal_nan=True)


@pytest.mark.parametrize("size", [(32, 16), (8, 8)], ids=["maps a page apart", "small maps"])
@pytest.mark.parametrize("stride", [1, 2])
def test_weight_gradients_of_many_examples_are_sums_of_parts(size, stride, monkeypatch):
    monkeypatch.setattr("minidl_extra_layers.weight_gradient.PART", 2**12)
    x = normal(9, 2, *(stride * one for one in size))
    weight = normal(3, 2, 3, 3).requires_grad_()
    y = torch.conv2d(x, weight, None, stride, 1)
    dy = normal(*y.shape, seed=1)
    found = weight_gradient(x, dy, (3, 3), (stride, stride), (1, 1), (1, 1), 1)
    torch.testing.assert_close(found, torch.autograd.grad(y, weight, dy)[0])


CHAINS = [
    "reshape(1,8,8)-conv2d(_,3,3,padding=1)-relu-max_pool2d(2)-conv2d(_,4,2,stride=2)-flatten-linear(_,3)",
    "reshape(4,4,4)-conv2d(_,4,3,groups=2)-tanh-avg_pool2d(2,stride=1)-global_avg_pool-linear(_,3)",
    "reshape(4,16)-conv1d(_,5,3,stride=2)-tanh-global_avg_pool-linear(_,3)",
    "reshape(4,4,-1)-conv_transpose2d(_,2,3,stride=2,output_padding=1)-max_pool2d(3,ceil_mode=true)-flatten-linear(_,3)",
]


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("spec", CHAINS)
def test_captured_steps_equal_plain_ones(spec, rounds, caplog):
    axes = (rounds,) if rounds > 1 else ()
    data = Examples(normal(*axes, 20, 64), normal(*axes, 20, 3))
    results = []
    for capture in True, False:
        model = build_model(spec, (64,)).initialize(range(rounds), dtype=torch.float64)
        options = {"epochs": 4, "batch_size": 8, "seeds": range(rounds), "capture": capture}
        history = fit(model, data, Loss.of("mse"), SGD(0.1), **options)
        results.append((history, model.parameters.values.clone()))
    assert caplog.messages == []
    for captured, plain in zip(*results, strict=True):
        torch.testing.assert_close(captured, plain, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("spec", CHAINS)
def test_a_round_among_many_is_what_it_is_alone(spec):
    together = build_model(spec, (64,)).initialize([3, 4])
    x, dy = torch.randn(2, 5, 64), torch.randn(2, 5, 3)
    y, dx = together.forward(x), together.backward(dy)
    for index, seed in enumerate((3, 4)):
        alone = build_model(spec, (64,)).initialize([seed])
        torch.testing.assert_close(y[index], alone.forward(x[index]))
        torch.testing.assert_close(dx[index], alone.backward(dy[index]))
        torch.testing.assert_close(together.parameters.grads[index], alone.parameters.grads)


def test_several_round_axes_and_examples_without_any_are_taken():
    layer = Conv2d(2, 3, 3).allocate((2, 2), dtype=torch.float64)
    layer.parameters.values = normal(*layer.parameters.values.shape)
    x = normal(4, 2, 5, 5)
    y = layer.forward(x)
    assert y.shape == (2, 2, 4, 3, 3, 3)
    torch.testing.assert_close(y[1, 0], torch.conv2d(x, layer.weight.value[1, 0], layer.bias.value[1, 0]))


def test_sizes_come_from_what_comes_and_the_text_is_canonical():
    model = build_model("conv2d(_,8,3)-relu-flatten-linear(_,10)", (1, 8, 8))
    assert str(model) == "conv2d(1,8,3)-relu-flatten-linear(288,10)"
    assert parse(str(model)) == model
    model = build_model("conv1d(_,2,3)-global_avg_pool-linear(_,1)", (3, 8))
    assert str(model) == "conv1d(3,2,3)-global_avg_pool(axes=2)-linear(2,1)"
    assert parse(str(model)) == model
    assert model.operations((3, 8)) == 2 * 6 * (2 * 3 * 3 + 1) + 2 * 6 + (2 * 2 + 1)


@pytest.mark.parametrize(
    ("spec", "shape", "said"),
    [
        ("conv2d(8,3,3)", (64,), r"conv2d expects examples \[8, H, W\], got \[64\]; put reshape\(...\) before it"),
        ("conv2d(_,_,3)", (1, 8, 8), "'out_channels'"),
        ("conv2d(_,2,9)", (1, 8, 8), "a window is 9 long, and there are 8 numbers"),
        ("max_pool2d(2,padding=1,dilation=3)", (1, 2, 2), "steps over maps"),
        ("max_pool2d(2)", (8, 8), r"max_pool2d expects examples \[C, H, W\], got \[8, 8\]"),
        ("flatten(axes=3)", (64,), "flatten expects examples of 3 axes but gets 64; write axes=1"),
        ("reshape(1,8,8)", (60,), r"reshape\(1,8,8\) needs 64 numbers, got \[60\]"),
        ("reshape(7,-1)", (64,), "a multiple of 7"),
        ("global_avg_pool", (64,), "at least 2"),
        ("conv_transpose2d(_,1,1,padding=1)", (1, 2, 2), "leaves nothing"),
    ],
)
def test_what_does_not_fit_is_refused_with_advice(spec, shape, said):
    with pytest.raises(SpecError, match=said):
        build_model(spec, shape)


@pytest.mark.parametrize("layer", [Conv2d(2, 3, 3), ConvTranspose2d(2, 3, 3), MaxPool2d(2), AvgPool2d(2)])
def test_forward_refuses_what_are_no_maps(layer):
    with pytest.raises(ShapeError, match="expects examples"):
        layer.forward(torch.zeros(5, 64))
