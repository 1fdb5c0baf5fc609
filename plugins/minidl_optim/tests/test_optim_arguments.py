"""Arguments out of range are refused by name, and every optimizer prints as the spec that it is."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.errors import ArgumentError, SpecError
from minidl_core.plugins import registry
from minidl_core.spec import build_component, parse
from minidl_core.spec.component import to_value

BAD = {
    "lr": [0, -1, True, None, "fast", [0.1]],
    "momentum": [-0.1, 1, 1.5, False],
    "nesterov": [1, 0, None],
    "alpha": [-0.1, 1, 2],
    "eps": [0, -1e-8],
    "betas": [0.9, [0.9], [0.9, 0.99, 0.999], [1, 0.999], [0.9, 1], [-0.1, 0.9], [0.9, -0.1], [True, 0.9], "ab"],
    "weight_decay": [-0.01, None],
    "dampening": [-0.1, 1, True],
    "rho": [-0.1, 1],
    "lr_decay": [-0.1],
    "initial_accumulator_value": [-0.1],
    "momentum_decay": [-0.1],
    "trust_coefficient": [0, -1],
    "etas": [0.5, [0.5], [0, 1.2], [0.5, 1], [1, 1.2], [0.5, 1.2, 2]],
    "step_sizes": [1, [1], [0, 1], [2, 1], [-1, 1]],
    **{flag: [1, 0, None] for flag in ("amsgrad", "centered", "decay_biases", "decoupled_weight_decay", "maximize")},
}
AVERAGES = {"ema", "swa"}
"""Of which `test_averaged_weights.py` is."""
NAMES = [one.name for one in registry().components("optimizer", "minidl-optim") if one.name not in AVERAGES]


def optimizer_class(name: str):
    return registry().find("optimizer", name).load()


BAD_OF_EACH = [
    (name, argument, value)
    for name in NAMES
    for argument in optimizer_class(name)().arguments
    for value in BAD[argument]
]


@pytest.mark.parametrize(("name", "argument", "value"), BAD_OF_EACH)
def test_bad_argument_is_refused(name, argument, value):
    with pytest.raises(ArgumentError, match=f"^{argument} must be ") as caught:
        optimizer_class(name)(**{argument: value})
    assert caught.value.argument == argument


@pytest.mark.parametrize(("name", "argument", "value"), BAD_OF_EACH)
def test_bad_argument_is_pointed_at_in_a_spec(name, argument, value):
    written = str(to_value(value))
    text = f"{name}({argument}={written})"
    with pytest.raises(SpecError) as caught:
        build_component("optimizer", text)
    [problem] = caught.value.problems
    assert problem.message.startswith(f"{argument} must be ")
    assert text[slice(*problem.span)] == written


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_are_not_finite_are_refused(name, value):
    for argument, default in optimizer_class(name)().arguments.items():
        if isinstance(default, bool):
            continue
        with pytest.raises(ArgumentError) as caught:
            optimizer_class(name)(**{argument: (0.9, value) if isinstance(default, tuple) else value})
        assert caught.value.argument == argument


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ArgumentError, match="greater than 0 with nesterov") as caught:
        optimizer_class("momentum")(momentum=0, nesterov=True)
    assert caught.value.argument == "momentum"


def test_prints_as_the_spec_that_it_is(case):
    optimizer = case.build()
    assert str(optimizer) == case.spec
    assert parse(str(optimizer)) == optimizer.to_spec()


positive, share = st.floats(1e-300, 1e300), st.floats(0, 1, exclude_max=True)


@settings(max_examples=100, deadline=None)
@given(lr=positive, beta1=share, beta2=share, eps=positive, weight_decay=st.floats(0, 1e300))
def test_spec_of_any_arguments_builds_the_same_optimizer(lr, beta1, beta2, eps, weight_decay):
    optimizer = optimizer_class("adamw")(lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay)
    again = build_component("optimizer", str(optimizer))
    assert type(again) is type(optimizer)
    assert (again.lr, tuple(again.betas), again.eps, again.weight_decay) == (lr, (beta1, beta2), eps, weight_decay)


def test_pickles_with_what_it_remembers(case):
    optimizer = case.build()
    optimizer.steps = 3
    again = pickle.loads(pickle.dumps(optimizer))
    assert str(again) == case.spec
    assert again.steps == 3
