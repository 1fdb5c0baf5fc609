"""The kit as its users call it: what it returns, what it refuses, and what an author declares."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from plugin_code import HOOK, Plugin
from torch import Tensor

from minidl_core.errors import RequestError, UnknownNameError
from minidl_core.nn import Linear, Module, Tanh
from minidl_core.nn.saved import saved
from minidl_core.plugins import registry
from minidl_core.spec import Conformance
from minidl_core.testing import Check, CheckFailed, check_component, checks_of, parametrize_components
from minidl_core.testing.differences import central_differences, require_derivative

ROWS = "rows do not depend on each other"


@parametrize_components(distribution="minidl-core")
def test_every_component_of_the_core_passes(check: Check) -> None:
    check()


def test_a_name_and_its_class_have_the_same_results() -> None:
    by_name = check_component("layer", "linear")
    assert by_name == check_component("layer", "core.linear") == check_component("layer", Linear)
    assert {result.outcome for result in by_name if result.check != "its arguments change what it does"} == {"passed"}
    assert len(by_name) == 4 * 26 + 3, "all checks of four variations, and of three that they change something"
    assert list(dict.fromkeys(result.component for result in by_name)) == [
        *["linear(3,4)", "linear(1,1)", "linear(3,4,bias=false)", "linear(3,4,init=normal(std=0.3))"]
    ]


def test_results_are_the_same_each_time_and_leave_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    assert check_component("loss", "mse") == check_component("loss", "mse")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_name_a_kind_without_checks_and_a_class_of_another_kind_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        check_component("layer", "liner")
    with pytest.raises(RequestError, match=r"no checks of kind 'sampler'; there are of layer, loss"):
        check_component("sampler", "cosine")
    with pytest.raises(RequestError, match="Linear is not of kind 'loss'"):
        check_component("loss", Linear)


class Centred(Module):
    """x less the mean over the batch."""

    conformance = Conformance(expected_failures={ROWS: "the mean is over the batch"})

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(-2, keepdim=True) if self.training else x

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True) if self.training else dy


def outcome(component: type[Module], check: str) -> str:
    [result] = [result for result in check_component("layer", component) if result.check == check]
    return result.outcome


def test_a_declared_failure_is_expected_and_says_why() -> None:
    [result] = [result for result in check_component("layer", Centred) if result.check == ROWS]
    assert (result.outcome, result.ok, result.ran) == ("failed as expected", True, True)
    assert result.detail.startswith("the mean is over the batch (the output of a row, beside another row is ")


def test_a_declared_failure_that_does_not_occur_is_one() -> None:
    class Mended(Centred):
        """x."""

        def forward(self, x: Tensor) -> Tensor:
            return x

        def backward(self, dy: Tensor) -> Tensor:
            return dy

    assert outcome(Mended, ROWS) == "passed unexpectedly"
    with pytest.raises(CheckFailed, match="passed unexpectedly"):
        next(check for check in checks_of("layer", Mended) if check.name == ROWS)()


def test_a_declaration_that_names_no_check_is_refused() -> None:
    class Misspelt(Centred):
        """As above."""

        conformance = replace(Centred.conformance, expected_failures={ROWS[:-1]: "the mean is over the batch"})

    with pytest.raises(RequestError, match=f"names no check: '{ROWS[:-1]}'; did you mean '{ROWS}'"):
        check_component("layer", Misspelt)


@pytest.mark.parametrize(
    ("conformance", "message"),
    [
        (Conformance(refused=({"slpoe": -1},)), "names no argument: 'slpoe'; did you mean 'slope'"),
        (Conformance(examples=({"slpoe": 0.5},)), "names no argument: 'slpoe'; did you mean 'slope'"),
        (Conformance(unbounded=("slpoe",)), "names no argument: 'slpoe'; did you mean 'slope'"),
        (Conformance(expected_failures={ROWS: " "}), f"gives no reason for '{ROWS}'"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(conformance: Conformance, message: str) -> None:
    class Leaky(Centred):
        """x."""

        def __init__(self, slope: float = 0.1) -> None:
            self.slope = slope

    with pytest.raises(RequestError, match=message):
        check_component("layer", Leaky, conformance)


def test_what_cannot_be_built_has_one_check_and_fails_it() -> None:
    class Sized(Centred):
        """x of a size."""

        def __init__(self, features: int) -> None:
            self.features = features

    [result] = check_component("layer", Sized)
    assert (result.outcome, result.check) == ("failed", "it is built and documented")
    assert "missing a required argument: 'features'; say what to build it with: Conformance(examples=" in result.detail


def test_a_component_that_ends_the_program_fails_its_check(capsys: pytest.CaptureFixture[str]) -> None:
    class Leaves(Centred):
        """Leaves where it is built, having printed something."""

        def __init__(self) -> None:
            print("bye")
            raise SystemExit(0)

    [result] = check_component("layer", Leaves)
    assert result.outcome == "failed"
    assert re.fullmatch(r"SystemExit: 0 \(\S+test_kit\.py, line \d+\)", result.detail)
    assert capsys.readouterr().out == ""


def test_what_is_declared_can_be_given_instead() -> None:
    results = check_component("layer", Tanh, Conformance(expected_failures={ROWS: "for a test"}))
    assert [result.check for result in results if not result.ok] == [ROWS]


def test_a_class_that_cannot_be_imported_has_one_check_and_fails_it(plugin: Plugin) -> None:
    plugin("broken", HOOK + "    registry.layer('gone', 'plug_absent:Gone', summary='not there')")
    [result] = check_component("layer", "gone")
    assert (result.check, result.outcome) == ("it can be imported", "failed")
    assert "cannot be imported from 'plug_absent:Gone'" in result.detail


def test_a_distribution_with_nothing_to_check_is_refused(plugin: Plugin) -> None:
    with pytest.raises(RequestError, match="no plugin of distribution 'minidl-absent' is installed"):
        parametrize_components(distribution="minidl-absent")
    with pytest.raises(RequestError, match="declares no entry point of the group 'minidl': write one in its pyproject"):
        parametrize_components(distribution="pluggy")
    plugin("empty", HOOK + "    pass")
    with pytest.raises(RequestError, match="nothing of 'minidl-empty' can be checked: plugin 'empty' is ok, and regis"):
        parametrize_components(distribution="minidl-empty")
    plugin("failing", "1 / 0")
    with (
        pytest.warns(UserWarning, match="failing"),
        pytest.raises(RequestError, match="plugin 'failing' is failed, ZeroDivisionError"),
    ):
        parametrize_components(distribution="Minidl_Failing")


LOSES_AN_ARGUMENT = (
    HOOK
    + """
    registry.layer("leaky", f"{__name__}:Leaky", summary="x, or a part of it below 0")
    registry.layer("drawn", f"{__name__}:Drawn", summary="x times numbers that no file knows")

import torch
from minidl_core.nn import Module
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_core.spec.syntax import Call, Chain, Item

class Leaky(Module):
    \"\"\"x where x > 0, else slope x; its spec leaves out the slope.\"\"\"

    conformance = Conformance(examples=({"slope": 0.3},), unbounded=("slope",))
    x = saved()

    def __init__(self, slope: float = 0.1) -> None:
        self.slope = slope

    def forward(self, x):
        self.x = x
        return torch.where(x > 0, x, self.slope * x)

    def backward(self, dy):
        return torch.where(self.x > 0, dy, self.slope * dy)

    def to_spec(self):
        return Chain((Item(Call("leaky", ())),))

class Drawn(Module):
    \"\"\"x times numbers that are drawn when it is built, and are no parameter.\"\"\"

    x = saved()

    def __init__(self) -> None:
        self.factors = torch.rand(3, dtype=torch.float64)

    def forward(self, x):
        self.x = x
        return x * self.factors.to(x)

    def backward(self, dy):
        return dy * (self.factors.to(dy) if self.x is not None else 1)
"""
)


def test_what_a_file_does_not_keep_is_found(plugin: Plugin) -> None:
    plugin("lossy", LOSES_AN_ARGUMENT)
    failed = {result.check for result in check_component("layer", "leaky") if not result.ok}
    assert failed >= {"it is saved and loaded as it is", "built from its spec it does the same"}


def test_what_a_spec_does_not_say_is_found_where_a_file_has_it(plugin: Plugin) -> None:
    plugin("lossy", LOSES_AN_ARGUMENT)
    failed = {result.check for result in check_component("layer", "drawn") if not result.ok}
    assert "built from its spec it does the same" in failed
    assert "it is saved and loaded as it is" not in failed


LEARNS_A_MEAN = (
    HOOK
    + """
    registry.layer("centred", f"{__name__}:Centred", summary="x less a mean")

import torch

from minidl_core.nn import Module
from minidl_core.spec import Conformance

class Centred(Module):
    \"\"\"x minus the mean of the batch; in evaluation the running one.\"\"\"

    conformance = Conformance(rows_depend=lambda self, training: training)

    def __init__(self) -> None:
        self.mean = torch.zeros(3)

    def forward(self, x):
        if not self.training:
            return x - self.mean.to(x).unsqueeze(-2)
        mean = x.mean(-2)
        if x.shape[-2]:
            self.mean = 0.9 * self.mean.to(x) + 0.1 * mean
        return x - mean.unsqueeze(-2)

    def backward(self, dy):
        return dy - dy.mean(-2, keepdim=True) if self.training else dy
"""
)


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        ("self.mean = torch.zeros(3)", ""),
        ("self.kept = (torch.zeros(3),)", "the output, saved and loaded, is not the same"),
        ("self.mean = torch.zeros(1)", "its tensor '.mean' is [3] and was [1] when it was built"),
    ],
)
def test_what_is_learned_beside_parameters_is_to_be_in_the_file(plugin: Plugin, instead: str, message: str) -> None:
    code = LEARNS_A_MEAN.replace("self.mean = torch.zeros(3)", instead)
    if "kept" in instead:  # a tensor that no one finds
        code = code.replace("self.mean =", "self.kept =").replace("self.mean.to", "self.kept[0].to")
        code = code.replace("+ 0.1 * mean", "+ 0.1 * mean,")
    plugin("learning", code)
    [saved_and_loaded] = [one for one in checks_of("layer", "centred") if one.name == "it is saved and loaded as it is"]
    result = saved_and_loaded.run()
    assert (result.outcome, result.detail) == ("failed" if message else "passed", message)


def test_a_spec_that_builds_something_else_is_found(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin("lossy", LOSES_AN_ARGUMENT)
    leaky = registry().find("layer", "leaky").load()
    monkeypatch.setattr(leaky, "to_spec", lambda _: Tanh().to_spec())
    assert "its spec builds it again" in {r.check for r in check_component("layer", "leaky") if not r.ok}


# -- differences ----------------------------------------------------------------------------------------------


def test_central_differences_are_tight_enough_for_half_a_thousandth() -> None:
    at = torch.linspace(-2, 2, 9, dtype=torch.float64)
    slopes, _, kinks = central_differences(lambda x: x.sin() * 3, at)
    assert not kinks.any()
    torch.testing.assert_close(slopes, 3 * at.cos(), rtol=1e-9, atol=1e-9)
    for factor in (1.0005, 0.9995, 1.00001):
        with pytest.raises(CheckFailed, match=f"a factor of {factor:.6g}"):
            require_derivative("the gradient", factor * 3 * at.cos(), lambda x: x.sin() * 3, at)


def test_values_that_do_not_change_add_no_rounding() -> None:
    at = torch.tensor([0.0, 30.0, 60.0], dtype=torch.float64)
    slopes, rounding, kinks = central_differences(lambda x: x.exp(), at)
    assert not kinks.any()
    assert rounding[0] < 1e-9
    require_derivative("the gradient", at.exp(), lambda x: x.exp(), at)
    with pytest.raises(CheckFailed, match=r"a factor of 1\.0005"):
        require_derivative("the gradient", 1.0005 * slopes, lambda x: x.exp(), at)


def test_elements_at_a_kink_are_left_out_and_those_beside_it_are_not() -> None:
    at = torch.tensor([-1.0, 0.0, 1e-7, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=torch.float64)
    slopes, _, kinks = central_differences(lambda x: x.abs(), at)
    assert kinks.tolist() == [False, True, True, False, False, False, False, False]
    anything = torch.where(kinks, torch.full_like(at, 99.0), at.sign())
    require_derivative("the gradient", anything, lambda x: x.abs(), at)
    with pytest.raises(CheckFailed, match=r"at \[0\]"):
        require_derivative("the gradient", anything.abs(), lambda x: x.abs(), at)
    assert slopes[0] == pytest.approx(-1)


class _KeepsNothing(Tanh):
    """A layer of a test's own, to see what pytest says."""

    y: Tensor = saved()


def test_a_check_that_does_not_apply_is_skipped_in_pytest() -> None:
    check = next(one for one in checks_of("layer", _KeepsNothing) if one.name == "its spec builds it again")
    with pytest.raises(pytest.skip.Exception, match="it is not registered"):
        check()
