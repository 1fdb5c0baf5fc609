"""How large a spec may be: each limit is kept to the last unit, and checked before anything is built or allocated."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from minidl_core.errors import SpecError
from minidl_core.nn import Module
from minidl_core.nn.parameter import Parameter
from minidl_core.spec import build_component, build_model, parse
from minidl_core.spec.component import Component
from minidl_core.spec.limits import MAX_DIGITS, MAX_LAYERS, MAX_NESTING, MAX_PARAMETERS, MAX_TEXT

Install = Callable[..., None]
BEYOND = 10**MAX_DIGITS - 1
"""As large a number as can be written."""


class Wrapped(Module):
    """y = f(x), of one or more layers."""

    def __init__(self, inner: Module | list[Module], others: list[Module] | None = None) -> None:
        self.inner = inner if isinstance(inner, Module) else inner[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.inner.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.inner.backward(dy)


@pytest.fixture
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a component is made."""

    def made(component: type[Component], *_: object, **__: object) -> None:
        pytest.fail(f"a {component.__name__} was made")

    monkeypatch.setattr(Component, "__new__", made)


@pytest.fixture
def nothing_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a parameter is given memory, or torch makes a tensor."""

    def made(*_: object, **__: object) -> None:
        pytest.fail("memory was allocated")

    monkeypatch.setattr(Parameter, "bind", made)
    for function in ("empty", "zeros", "full", "randn", "rand", "empty_like", "zeros_like"):
        monkeypatch.setattr(torch, function, made)


def refused(text: str, build: Callable[[str], object] = build_model) -> list[str]:
    """The messages of a text that is refused, in less time than it would take to do what it says."""
    begin = time.process_time()
    with pytest.raises(SpecError) as error:
        build(text)
    assert time.process_time() - begin < 10
    assert len(str(error.value)) < 20_000
    return [problem.message for problem in error.value.problems]


# -- the text -------------------------------------------------------------------------------------------------


def test_a_text_of_the_greatest_length_is_read_and_one_longer_is_not() -> None:
    assert str(parse("relu" + " " * (MAX_TEXT - 4))) == "relu"
    assert refused("relu" + " " * (MAX_TEXT - 3), parse) == [
        f"the spec has {MAX_TEXT + 1} characters, at most {MAX_TEXT} are read"
    ]


@pytest.mark.parametrize(("before", "after"), [("(", ")"), ("f(", ")"), ("f([", "])")])
def test_a_text_of_the_deepest_nesting_is_read_and_one_deeper_is_not(before: str, after: str) -> None:
    deepest = MAX_NESTING // len(before.strip("f"))
    text = before * deepest + "relu" + after * deepest
    assert str(parse(text)) == text
    assert refused(before + text + after, parse) == [f"nested more than {MAX_NESTING} deep"]


def test_brackets_count_as_nesting() -> None:
    assert refused("f(" + "[" * MAX_NESTING + "]" * MAX_NESTING + ")", parse) == [
        f"nested more than {MAX_NESTING} deep"
    ]


def test_parentheses_that_are_closed_do_not_count() -> None:
    text = "-".join(["(f(relu))"] * (2 * MAX_NESTING))
    assert str(parse(text)) == text


@pytest.mark.parametrize("number", ["1" * MAX_DIGITS, "0." + "3" * (MAX_DIGITS - 2), "-" + "1" * MAX_DIGITS])
def test_a_number_of_the_most_digits_is_read_and_one_of_more_is_not(number: str) -> None:
    parse(f"f({number})")
    assert refused(f"f({number}1)", parse) == [
        f"a number of {MAX_DIGITS + 1} characters, at most {MAX_DIGITS} are read"
    ]


def test_a_number_of_far_too_many_digits_is_refused_once() -> None:
    assert len(refused(f"linear(2,{'9' * 90_000})")) == 1


def test_a_name_of_any_length_is_refused_in_few_words() -> None:
    [message] = refused("a" * MAX_TEXT)
    assert message == f"unknown layer '{'a' * 100}'"


def test_a_repeat_of_too_many_digits_is_refused_and_not_cut() -> None:
    assert parse("relu*" + "0" * (MAX_DIGITS - 1) + "2").items[0].repeat == 2
    assert refused("relu*" + "1" * (MAX_DIGITS + 1), parse) == [
        f"a number of {MAX_DIGITS + 1} characters, at most {MAX_DIGITS} are read"
    ]


@pytest.mark.parametrize(
    "text",
    [
        *('"' + '\\"' * 49_999, "'" + "\\\\\\'" * 20_000, "\"'" * 49_999, '"\n' * 49_999),
        *(")-" * 50_000, "(" * MAX_TEXT, "f(" * 50_000, "f([" * 30_000, "]" * MAX_TEXT, "-" * MAX_TEXT, "a," * 50_000),
        *("a(1 1-" * 15_000, "a(1 1)-" * 12_000, "é" * MAX_TEXT, "1 " * 50_000, "a." * 50_000, "@" * MAX_TEXT),
        *("f(" + "[1," * 30_000, "f(" + "1," * 49_000, "h:" * 50_000, "a*" * 50_000, "\\" * 99_999 + '"'),
    ],
    ids=lambda text: text[:8],
)
def test_a_text_of_any_shape_is_refused_in_time(text: str) -> None:
    assert refused(text, parse)


# -- layers ---------------------------------------------------------------------------------------------------


def test_as_many_layers_as_are_allowed_are_built() -> None:
    assert len(build_model(f"(relu*{MAX_LAYERS // 4})*3-relu*{MAX_LAYERS // 4}")) == MAX_LAYERS


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"relu*{MAX_LAYERS + 1}", MAX_LAYERS + 1),
        (f"relu*{BEYOND}", BEYOND),
        (f"relu*{MAX_LAYERS}-relu", MAX_LAYERS + 1),
        ("((relu*100)*101)", 10_100),
        ("h:(relu-tanh)*5001", 10_002),
        ("(" * 30 + "relu*10" + ")*10" * 30, 10**31),
        (f"sequential(relu*{MAX_LAYERS})", MAX_LAYERS + 1),
        (f"wrapped(relu*{MAX_LAYERS})", MAX_LAYERS + 1),
        ("wrapped(wrapped(relu*100)*100)", 101 * 100 + 1),
        (f"wrapped(others=[relu,[tanh*{BEYOND}]],inner=relu)", BEYOND + 3),
        (f"linear(2,3,init=zeros*{BEYOND})", BEYOND + 1),
    ],
)
def test_too_many_layers_are_refused_before_any_is_built(install: Install, text: str, count: int) -> None:
    install("extra", wrapped=Wrapped)
    said = [f"{count} layers, at most {MAX_LAYERS} are built"]
    tracemalloc.start()
    try:
        assert refused(text) == said
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
    assert refused(f"# once more\n{text}", lambda text: build_model(text, (3,), (3,))) == said


@pytest.mark.usefixtures("nothing_is_built")
@pytest.mark.parametrize("kind", ["layer", "loss", "optimizer"])
def test_too_many_layers_are_refused_where_one_component_is_wanted(install: Install, kind: str) -> None:
    install("extra", wrapped=Wrapped)
    text = f"wrapped(relu*{BEYOND})"
    assert refused(text, lambda text: build_component(kind, text)) == [f"{BEYOND + 1} layers, at most 10000 are built"]


def test_too_many_layers_are_refused_within_a_string(install: Install) -> None:
    install("extra", wrapped=Wrapped)
    assert refused(f"wrapped('wrapped(relu*{BEYOND})')")
    assert refused(f"linear(2,3,init='zeros*{BEYOND}')")


# -- parameters -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_is_allocated")
def test_as_many_parameters_as_are_allowed_are_declared_without_memory() -> None:
    assert MAX_PARAMETERS % 1000 == 0
    model = build_model(f"linear(1000,{MAX_PARAMETERS // 1000},bias=false)")
    assert sum(parameter.size for parameter in model.named_parameters().values()) == MAX_PARAMETERS


@pytest.mark.usefixtures("nothing_is_allocated")
@pytest.mark.parametrize(
    "text",
    [
        f"linear(1000,{MAX_PARAMETERS // 1000})",
        f"linear({BEYOND},{BEYOND})",
        "linear(10000,10000)*11",
        "(linear(1000,1000)-relu)*1000",
        "wrapped(linear(100000,100000))",
        f"linear({BEYOND},1)",
    ],
)
def test_too_many_parameters_are_refused_before_any_memory_is_taken(install: Install, text: str) -> None:
    install("extra", wrapped=Wrapped)
    [message] = refused(text)
    assert message.endswith("parameters, at most 1e+09 are built")
