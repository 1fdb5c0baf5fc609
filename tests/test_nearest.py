"""What someone probably meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.nearest import did_you_mean, listed, nearest

LAYERS = ["linear", "relu", "leaky_relu", "sequential", "sigmoid", "tanh"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("liner", "linear"),
        ("lniear", "linear"),
        ("linearr", "linear"),
        ("rel", "relu"),
        ("tahn", "tanh"),
        ("leakyrelu", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("sigmoied", "sigmoid"),
        ("LINEAR", "linear"),
        ("LeakyReLU", "leaky_relu"),
        ("sigm0id", "sigmoid"),
        ("SIGMOID", "sigmoid"),
        ("1inear", "linear"),
        ("re1u", "relu"),
        ("5equential", "sequential"),
        ("zzz", None),
        ("", None),
        ("conv2d", None),
    ],
)
def test_a_typing_error_is_near_what_was_meant(typed: str, meant: str | None) -> None:
    assert nearest(typed, LAYERS) == meant
    assert nearest(typed, reversed(LAYERS)) == meant


def test_among_several_the_closest_is_meant() -> None:
    assert nearest("adamax", ["adam", "adamw", "adamax2"]) == "adamax2"
    assert nearest("adaw", ["adam", "adamw"]) == "adamw"


def test_what_is_meant_keeps_its_own_spelling() -> None:
    assert nearest("HEIGHT O", ["Height 0"]) == "Height 0"
    assert nearest("l2_penalty", ["L2-Penalty"]) == "L2-Penalty"


look_alikes: list[Callable[[str], str]] = [
    str.upper,
    str.title,
    str.swapcase,
    lambda name: name.replace("o", "0"),
    lambda name: name.replace("l", "1"),
    lambda name: name.replace("l", "1").upper().replace("O", "0"),
    lambda name: name.replace("_", "-"),
]


@settings(max_examples=100)
@given(st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True), st.sampled_from(look_alikes), st.lists(st.text(max_size=9)))
def test_0_and_o_and_1_and_l_and_case_count_as_equal(
    name: str, change: Callable[[str], str], others: list[str]
) -> None:
    others = [other for other in others if other.lower().translate(str.maketrans("01-", "ol_")) != name]
    assert nearest(change(name), [*others, name]) == name


@settings(max_examples=100)
@given(st.text(max_size=2000), st.lists(st.text(max_size=20)))
def test_only_a_candidate_is_ever_near(name: str, candidates: list[str]) -> None:
    assert nearest(name, candidates) in [*candidates, None]


def test_advice_names_the_nearest_or_else_all() -> None:
    assert did_you_mean("liner", LAYERS) == "did you mean 'linear'?"
    assert did_you_mean("zzz", ["adam", "sgd"]) == "there are: adam, sgd"
    assert did_you_mean("zzz", iter(["adam", "sgd"])) == "there are: adam, sgd"
    assert did_you_mean("zzz", []) == "there are none"


def test_of_many_candidates_the_first_40_are_told() -> None:
    names = [f"n{number:05}" for number in range(10_000)]
    assert did_you_mean("zzz", names) == f"there are: {', '.join(names[:40])} and 9,960 more"
    assert did_you_mean("zzz", names[:40]) == f"there are: {', '.join(names[:40])}"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed([]) == ""
