"""Errors point: all at once, each under the text that it is about; and nothing but a SpecError ever comes out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minidl_core.errors import RequestError, SpecError
from minidl_core.spec import build_component, build_model, parse
from minidl_core.spec.problems import Problem, spec_error
from minidl_core.spec.syntax import Span

# -- the two examples of the design page, to the letter -------------------------------------------------------


def test_an_unknown_layer_is_shown_as_the_design_page_shows_it() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("linear(2,25)-relu-liner(25,2)")
    assert str(refused.value) == (
        "spec error: unknown layer 'liner'\n"
        "  linear(2,25)-relu-liner(25,2)\n"
        "                    ^^^^^  did you mean 'linear'?"
    )


def test_sizes_that_do_not_fit_are_shown_as_the_design_page_shows_them() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("linear(2,25)-relu-linear(20,2)")
    assert str(refused.value) == (
        "shape error: linear expects 20 inputs but gets 25\n"
        "  linear(2,25)-relu-linear(20,2)\n"
        "                    ^^^^^^^^^^^^  write linear(_,2) to take what comes"
    )


# -- how problems are shown -----------------------------------------------------------------------------------


def test_all_problems_are_reported_at_once_in_their_order() -> None:
    text = "liner(2,25)-relu(3)-linear(_,25,bais=false)-linear(20,-2)-tahn"
    with pytest.raises(SpecError) as refused:
        build_model(text)
    assert [p.message for p in refused.value.problems] == [
        "unknown layer 'liner'",
        "relu takes at most 0 arguments",
        "linear has no argument 'bais'",
        "out_features must be at least 1, got -2",
        "unknown layer 'tahn'",
    ]
    assert str(refused.value).count("\n") == 3 * 5 - 1


def test_a_problem_of_reading_and_one_of_building_are_reported_together() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("linear(2 25)-liner(25,2)")
    assert [p.message for p in refused.value.problems] == [
        "expected ',' or ')', found '25'",
        "unknown layer 'liner'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "liner(2,25)-relu-linear(_,2)",  # what comes is not known, but that is the first layer's fault
        "linear(1e999,25)",
        "linear(2,25,init=Zeros)",
        "linear(2,25,init=nomal(std=3))",
        "linear(2,25)-relu()x-linear(25,2)",
        "sequential(liner(2,2)-relu)-linear(_,2)",
        "h:liner(2,2)",
        "(liner(2,2)-relu)*50",
        "línear(2,3)-relu",
        "A.B:relu-linear(2,3)",
        "Linear(2,25)-relu-linear(_,3)",
        "linear(2,25,bias=True)",
        "linear(2,_)-liner(3,3)",
        "linear(2,_)-relu*0",
    ],
)
def test_one_mistake_is_one_problem(text: str) -> None:
    with pytest.raises(SpecError) as refused:
        build_model(text, (2,), (3,))
    assert len(refused.value.problems) == 1, str(refused.value)


def test_more_than_twenty_problems_are_counted_and_not_shown() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("-".join(f"liner{i}" for i in range(23)))
    assert len(refused.value.problems) == 23
    assert str(refused.value).count("unknown layer") == 20
    assert str(refused.value).endswith("\nand 3 more")


def test_a_text_of_several_lines_shows_the_line_and_its_number() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("linear(2,25)  # in\n  -relu\n  -liner(25,2)\n")
    assert str(refused.value) == (
        "spec error: unknown layer 'liner' (line 3)\n    -liner(25,2)\n     ^^^^^  did you mean 'linear'?"
    )


def test_a_span_over_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    with pytest.raises(SpecError) as refused:
        build_model("linear(2,25)-linear(20,\n2)")
    assert str(refused.value).splitlines()[1:] == [
        "  linear(2,25)-linear(20,",
        "               ^^^^^^^^^^  write linear(_,2) to take what comes",
    ]


def test_the_end_of_the_spec_is_behind_its_last_character_that_counts() -> None:
    with pytest.raises(SpecError) as refused:
        parse("linear(2,  # the width\n\n")
    shown = str(refused.value).splitlines()
    assert shown[1:] == ["  linear(2,  # the width", "           ^"]


def test_carets_stand_right_under_wide_and_combining_characters() -> None:
    with pytest.raises(SpecError) as refused:
        parse("f('日本e\N{COMBINING ACUTE ACCENT}')-relu*x")
    # Columns of a terminal: f ( ' take 3, two wide characters 4, an accented letter 1, and ')-relu* 8.
    assert str(refused.value).splitlines()[-1] == "  " + " " * (3 + 4 + 1 + 8) + "^"


def test_nothing_that_is_not_printable_reaches_a_terminal() -> None:
    with pytest.raises(SpecError) as refused:
        build_component("loss", "mse('\x1b[31m' '\x07\\\n')-\x1b[2J")
    assert all(line.isprintable() for line in str(refused.value).split("\n"))


def test_each_message_is_one_line() -> None:
    shown = str(spec_error("relu", [Problem("spec error", "a plugin's\nown words", Span(0, 4), "of\nany kind")]))
    assert shown == "spec error: a plugin's own words\n  relu\n  ^^^^  of any kind"


def test_equal_problems_are_shown_once() -> None:
    problem = Problem("spec error", "odd", Span(0, 4))
    assert spec_error("relu", [problem, problem]).problems == [problem]


def test_a_spec_error_is_the_users_request_and_a_value_error() -> None:
    with pytest.raises(RequestError):
        parse("")
    with pytest.raises(ValueError, match="empty"):
        parse("")


# -- any text whatever ----------------------------------------------------------------------------------------

VALID = [
    "linear(2,25)-relu-linear(25,2)",
    "linear(_,3,bias=false)-h:(tanh-linear(3,3,init=normal(mean=-0.5,std=1e-3)))*2-sigmoid",
    "sequential(linear(2,3)-relu,in:linear(_,4,init='zeros')) # done\n - linear(_,1)",
    "huber(delta=2)",
    "sgd(lr=1e-3)",
    "spirals(n=100,arms=3)",
    'f(a=[1,[true,none]],b="x\\"",c=_)',
]
TOKENS = [
    *("linear", "relu", "tanh", "sequential", "liner", "core.relu", "sgd", "mse", "zeros", "normal", "Relu", "_x"),
    *("in_features", "out_features", "bias", "init", "std", "lr", "true", "false", "none", "_"),
    *("-", "*", ":", ",", "(", ")", "=", "[", "]", "(", ")", "-", ",", " ", "\n", "#", '"', "'", "\\", "."),
    *(
        "0",
        "1",
        "2",
        "3",
        "-1",
        "0.5",
        "1e-3",
        "1e999",
        "9" * 41,
        "2",
        "3",
        "h",
        "é",
        "日",
        "\x00",
        "\N{COMBINING TILDE}",
    ),
    *("linear(2,3)", "linear(3,2)", "linear(_,2)", "(relu-tanh)", "normal(std=1)", "'zeros'"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid spec with a few characters deleted, doubled or put in."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 4, len(text))))
        put = draw(st.sampled_from(["", text[start:end] * 2, *TOKENS]))
        text = text[:start] + put + text[end:]
    return text


texts = st.text(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=25).map("".join) | mutated()

READERS: list[Callable[[str], object]] = [
    parse,
    build_model,
    lambda text: build_model(text, (2,), (1, 2)),
    lambda text: build_model(text, (4, 5)),
    *(lambda text, kind=kind: build_component(kind, text) for kind in ("layer", "loss", "optimizer", "dataset", "x")),
]


def refusal(reader: Callable[[str], object], text: str) -> SpecError | None:
    """The error that a text is refused with; any other error goes on to fail the test."""
    try:
        reader(text)
    except SpecError as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(texts)
@example("\ud800")
@example("linear(true,2)")
@example("linear(2,3)-linear(true,3)")
def test_nothing_but_a_spec_error_comes_out_of_any_text(text: str) -> None:
    for reader in READERS:
        error = refusal(reader, text)
        if error is None:
            continue
        assert error.problems
        assert all(0 <= p.span.start <= p.span.end <= len(text) for p in error.problems)
        assert all(p.message and p.kind in ("spec error", "shape error") for p in error.problems)
        assert error.problems == sorted(set(error.problems), key=error.problems.index)


@settings(max_examples=100, deadline=None)
@given(texts)
@example("mse)")
@example("relu)")
def test_what_cannot_be_read_is_never_built(text: str) -> None:
    if (unreadable := refusal(parse, text)) is not None:
        for reader in READERS:
            error = refusal(reader, text)
            assert error is not None
            assert set(unreadable.problems) <= set(error.problems)


@settings(max_examples=200, deadline=None)
@given(texts.filter(lambda text: text.isascii() and text.isprintable() and len(text) <= 100))
def test_every_caret_stands_under_the_characters_of_its_problem(text: str) -> None:
    for reader in READERS:
        error = refusal(reader, text)
        if error is None:
            continue
        lines = str(error).split("\n")
        for problem, said, shown, carets in zip(
            error.problems[:20], lines[0::3], lines[1::3], lines[2::3], strict=False
        ):
            start, end = problem.span
            assert said == f"{problem.kind}: {problem.message}"
            assert shown == f"  {text}"
            advice = f"  {problem.advice}" if problem.advice else ""
            assert carets == "  " + " " * start + "^" * max(1, end - start) + advice


# As many characters of one column each, no two alike.
LETTERS = "".join(
    letter
    for letter in map(chr, range(0xC0, 0x1000))
    if letter.isalpha() and not unicodedata.combining(letter) and unicodedata.east_asian_width(letter) not in "WF"
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 150))
def test_carets_of_a_long_line_stand_under_the_same_characters(before: int, after: int, length: int) -> None:
    text = LETTERS[: before + length + after]
    problem = Problem("spec error", "odd", Span(before, before + length))
    said, shown, carets = str(spec_error(text, [problem])).split("\n")
    marked = [column for column, character in enumerate(carets) if character == "^"]
    assert said == "spec error: odd"
    assert marked == list(range(marked[0], marked[-1] + 1))
    under = shown[marked[0] : marked[-1] + 1]
    assert text[before : before + length].startswith(under)
    assert len(under) >= min(length, 75)
    visible = shown.removeprefix("  ").strip("…")
    assert visible in text
    assert len(visible) == min(len(text), 100)
    assert shown.startswith("  …") != text.startswith(visible)
    assert shown.endswith("…") != text.endswith(visible)
