"""Initializers draw from the distributions of torch.nn.init, with its fans, and from their generator alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor

from minidl_core.errors import ArgumentError, SpecError
from minidl_core.nn import Initializer, KaimingUniform, Linear, Normal, Parameter, Sequential, XavierUniform, Zeros
from minidl_core.plugins import registry

FAN_IN, FAN_OUT = 400, 100
init = torch.nn.init

CASES: dict[str, list[tuple[str, Callable[[Tensor], object]]]] = {
    "kaiming_uniform": [
        ("kaiming_uniform", lambda w: init.kaiming_uniform_(w, a=math.sqrt(5))),
        ("kaiming_uniform(a=0)", lambda w: init.kaiming_uniform_(w, a=0)),
        ("kaiming_uniform(a=0.2)", lambda w: init.kaiming_uniform_(w, a=0.2)),
    ],
    "xavier_uniform": [
        ("xavier_uniform", init.xavier_uniform_),
        ("xavier_uniform(gain=1.5)", lambda w: init.xavier_uniform_(w, gain=1.5)),
    ],
    "xavier_normal": [
        ("xavier_normal", init.xavier_normal_),
        ("xavier_normal(gain=0.5)", lambda w: init.xavier_normal_(w, gain=0.5)),
    ],
    "normal": [
        ("normal", init.normal_),
        ("normal(mean=0.5,std=2)", lambda w: init.normal_(w, mean=0.5, std=2)),
    ],
    "zeros": [("zeros", init.zeros_)],
}
SPECS = [spec for cases in CASES.values() for spec, _ in cases]
TWINS = [case for cases in CASES.values() for case in cases]
UNIFORM = [case for case in TWINS if "uniform" in case[0]]


def drawn(spec: str, seed: int = 0) -> Tensor:
    """The weights of a linear layer, so that the layer's own choice of fans is what is tested."""
    layer = Linear(FAN_IN, FAN_OUT, init=Initializer.of(spec))
    return Sequential(layer).initialize([seed], dtype=torch.float64).parameters.values[: FAN_IN * FAN_OUT]


def peers(twin: Callable[[Tensor], object]) -> Tensor:
    """The weights of torch's layer of the same size, drawn by torch."""
    torch.manual_seed(0)
    weight = torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64)
    twin(weight)
    return weight.flatten()


def test_every_core_initializer_has_a_case() -> None:
    assert {one.name for one in registry().components("initializer", plugin="core")} == set(CASES)


@pytest.mark.parametrize(("spec", "twin"), [case for case in TWINS if case[0] != "zeros"])
def test_the_distribution_is_torchs(spec: str, twin: Callable[[Tensor], object]) -> None:
    ours, theirs = drawn(spec), peers(twin)
    assert stats.ks_2samp(ours.numpy(), theirs.numpy()).pvalue > 0.001
    # The test above hardly sees a scale that is off by some percent; the moments do.
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.02)
    assert ours.mean() == pytest.approx(theirs.mean().item(), abs=0.03 * theirs.std().item())


@pytest.mark.parametrize(("spec", "twin"), UNIFORM)
def test_the_bounds_of_uniform_weights_are_torchs(spec: str, twin: Callable[[Tensor], object]) -> None:
    ours, theirs = drawn(spec), peers(twin)
    assert ours.max() == pytest.approx(theirs.max().item(), rel=1e-3)
    assert ours.min() == pytest.approx(theirs.min().item(), rel=1e-3)


@pytest.mark.parametrize(
    ("spec", "bound"),
    [
        ("kaiming_uniform", 1 / math.sqrt(FAN_IN)),
        ("kaiming_uniform(a=0)", math.sqrt(6 / FAN_IN)),
        ("xavier_uniform(gain=2)", 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    ],
)
def test_uniform_weights_fill_the_papers_interval(spec: str, bound: float) -> None:
    weights = drawn(spec).numpy()
    assert stats.kstest(weights, stats.uniform(-bound, 2 * bound).cdf).pvalue > 0.001
    assert abs(weights).max() <= bound
    assert abs(weights).max() > 0.999 * bound


@pytest.mark.parametrize(
    ("spec", "mean", "std"),
    [("normal(mean=-3,std=0.1)", -3, 0.1), ("xavier_normal(gain=2)", 0, 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)))],
)
def test_normal_weights_have_the_papers_moments(spec: str, mean: float, std: float) -> None:
    weights = drawn(spec).numpy()
    assert stats.kstest(weights, stats.norm(mean, std).cdf).pvalue > 0.001
    assert weights.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_linear_layer_begins_as_torchs_does(part: str) -> None:
    # Few inputs and many outputs, so that the bias is as large a sample as one wants.
    layer = Linear(7, 20_000)
    Sequential(layer).initialize([0], dtype=torch.float64)
    torch.manual_seed(0)
    ours = getattr(layer, part).value.flatten()
    theirs = getattr(torch.nn.Linear(7, 20_000), part).detach().flatten().double()
    assert stats.ks_2samp(ours.numpy(), theirs.numpy()).pvalue > 0.001
    assert ours.abs().max() <= 1 / math.sqrt(7)
    assert ours.abs().max() == pytest.approx(1 / math.sqrt(7), rel=1e-3)
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.02)


def test_zeros_are_zero() -> None:
    assert not drawn("zeros").any()


def test_the_bias_is_drawn_even_where_the_weight_is_zero() -> None:
    layer = Linear(4, 3, init="zeros")
    assert not layer.weight.value.any()
    assert layer.bias is not None
    assert layer.bias.value.all()


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec != "zeros"])
def test_without_a_generator_torchs_default_one_is_used(spec: str) -> None:
    draw = Initializer.of(spec)
    torch.manual_seed(4)
    first = draw((5, 5), 5, 5, None)
    torch.manual_seed(4)
    assert torch.equal(draw((5, 5), 5, 5, None), first)


@pytest.mark.parametrize(
    ("initializer", "arguments"),
    [(Normal, {"std": -1.0}), (XavierUniform, {"gain": 0.0}), (XavierUniform, {"gain": math.nan})],
)
def test_arguments_out_of_range_are_refused_by_name(
    initializer: type[Initializer], arguments: dict[str, float]
) -> None:
    [name] = arguments
    with pytest.raises(ArgumentError, match=f"{name} must be") as refused:
        initializer(**arguments)
    assert refused.value.argument == name


def test_the_initializer_of_a_layer_is_an_initializer() -> None:
    with pytest.raises(ArgumentError, match="init must be an initializer"):
        Linear(2, 3, init=Sequential(Linear(1, 1)))  # type: ignore[arg-type]


def test_the_default_slope_is_the_root_of_five() -> None:
    assert KaimingUniform().a == pytest.approx(math.sqrt(5), rel=1e-15)
    assert str(Linear(2, 3, init=Zeros())) == "linear(2,3,init=zeros)"


def test_a_parameter_takes_the_spec_of_an_initializer() -> None:
    parameter = Parameter((3,), "normal(mean=5,std=0)", 1, 1)
    assert parameter.value.tolist() == [5.0, 5.0, 5.0]
    with pytest.raises(SpecError, match="unknown initializer 'nromal'"):
        Parameter((3,), "nromal", 1, 1)
