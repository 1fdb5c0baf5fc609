"""Arguments of components: each mistake is said once, at the argument that it is about, with what would be right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from torch import Tensor

from minidl_core.errors import ArgumentError, SpecError
from minidl_core.nn import Linear, Module
from minidl_core.plugins import registry
from minidl_core.registry import KINDS
from minidl_core.spec import build_component, build_model
from minidl_core.spec.problems import Problem

Install = Callable[..., None]


def problems(kind: str, text: str) -> list[tuple[str, str, str]]:
    """What is wrong: the message, the text under the carets, the advice."""
    with pytest.raises(SpecError) as error:
        build_component(kind, text)
    return [(p.message, under(text, p), p.advice) for p in error.value.problems]


def under(text: str, problem: Problem) -> str:
    return text[problem.span.start : problem.span.end]


# -- names and places -----------------------------------------------------------------------------------------


def test_an_unknown_argument_is_refused_with_the_nearest() -> None:
    assert problems("layer", "linear(2,3,bais=false)") == [
        ("linear has no argument 'bais'", "bais=false", "did you mean 'bias'?")
    ]


def test_an_unknown_argument_that_is_near_none_is_refused_with_all() -> None:
    assert problems("layer", "linear(2,3,quux=1)") == [
        ("linear has no argument 'quux'", "quux=1", "there are: in_features, out_features, bias, init")
    ]


def test_an_argument_of_a_component_that_takes_none_is_refused() -> None:
    assert problems("layer", "relu(slope=1)") == [("relu has no argument 'slope'", "slope=1", "there are none")]
    assert problems("layer", "relu(1)") == [("relu takes at most 0 arguments", "1", "it is relu")]


@pytest.mark.parametrize("name", ["In_features", "IN_FEATURES", "infeatures", "in_f3atures"])
def test_an_argument_name_that_is_mistyped_is_refused_with_the_nearest(name: str) -> None:
    [problem] = problems("layer", f"linear({name}=2,out_features=3)")
    assert problem == (f"linear has no argument '{name}'", f"{name}=2", "did you mean 'in_features'?")


def test_an_argument_that_is_given_twice_is_refused() -> None:
    twice = ("argument 'bias' of linear is given twice", "bias=true", "leave one out")
    assert problems("layer", "linear(2,3,bias=false,bias=true)") == [twice]
    assert problems("layer", "linear(2,3,false,bias=true)") == [twice]


def test_an_argument_without_a_name_after_one_with_a_name_is_refused() -> None:
    assert problems("layer", "linear(in_features=2,3)") == [
        ("3 has no name but follows an argument that has one", "3", "write name=value")
    ]


def test_too_many_arguments_are_refused_each() -> None:
    signature = "it is linear(in_features,out_features,bias=true,init=kaiming_uniform)"
    assert problems("layer", "linear(2,3,true,zeros,5,[6])") == [
        ("linear takes at most 4 arguments", "5", signature),
        ("linear takes at most 4 arguments", "[6]", signature),
    ]
    assert problems("optimizer", "sgd(1,2)") == [("sgd takes at most 1 argument", "2", "it is sgd(lr=0.1)")]


def test_missing_arguments_are_refused_at_the_call() -> None:
    signature = "it is linear(in_features,out_features,bias=true,init=kaiming_uniform)"
    assert problems("layer", "linear") == [("linear lacks 'in_features', 'out_features'", "linear", signature)]
    assert problems("layer", "linear(2)") == [("linear lacks 'out_features'", "linear(2)", signature)]
    assert problems("layer", "linear(out_features=2,bias=true)") == [
        ("linear lacks 'in_features'", "linear(out_features=2,bias=true)", signature)
    ]


def test_several_mistakes_in_one_call_are_all_reported() -> None:
    text = "linear(in_features=2,3,bais=true,in_features=4)"
    assert [where for _, where, _ in problems("layer", text)] == ["3", "bais=true", "in_features=4"]


# -- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("linear(2.5,3)", "in_features must be a whole number, got 2.5", "2.5"),
        ("linear(2,3.0)", "out_features must be a whole number, got 3.0", "3.0"),
        ("linear(true,3)", "in_features must be a whole number, got true", "true"),
        ("linear('2',3)", "in_features must be a whole number, got '2'", "'2'"),
        ("linear(two,3)", "in_features must be a whole number, got 'two'", "two"),
        ("linear([2],3)", "in_features must be a whole number, got [2]", "[2]"),
        ("linear(none,3)", "in_features must be a whole number, got none", "none"),
        ("linear(2,3,bias=1)", "bias must be true or false, got 1", "1"),
        ("linear(2,3,bias=none)", "bias must be true or false, got none", "none"),
        ("linear(2,3,init=3)", "init must be an initializer or a text, got 3", "3"),
        ("linear(2,3,init=[zeros])", None, "[zeros]"),
        ("linear(0,3)", "in_features must be at least 1, got 0", "0"),
        ("linear(2,-3)", "out_features must be at least 1, got -3", "-3"),
        ("linear(2,out_features=-3)", "out_features must be at least 1, got -3", "-3"),
        ("linear(2,3,init=normal(std=-1))", "std must be 0 or greater, got -1", "-1"),
        ("linear(2,3,init=nomal)", "unknown initializer 'nomal'", "nomal"),
        ("linear(2,3,init=linear(2,3))", "unknown initializer 'linear'", "linear"),
        ("linear(2,3,init=zeros-zeros)", "expected one initializer", "zeros-zeros"),
        ("linear(2,3,init=zeros*2)", "expected one initializer", "zeros*2"),
        ("linear(2,3,init=h:zeros)", "expected one initializer", "h:zeros"),
        ("linear(2,3,init=(zeros))", "expected one initializer", "(zeros)"),
        ("linear(2,3,init='normal(std=-1)')", "std must be 0 or greater, got -1", "'normal(std=-1)'"),
        ("linear(2,3,init='normal(')", "expected a value", "'normal('"),
        ("linear(2,3,init='')", "the spec is empty", "''"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_at_its_place(text: str, message: str | None, where: str) -> None:
    [(said, at, _)] = problems("layer", text)
    assert message is None or said.startswith(message)
    assert at == where


def test_all_values_of_other_types_are_refused_at_once() -> None:
    text = "linear(2.5,none,bias=zeros,init=normal(mean=x,std=[]))"
    assert [(message, where) for message, where, _ in problems("layer", text)] == [
        ("in_features must be a whole number, got 2.5", "2.5"),
        ("out_features must be a whole number, got none", "none"),
        ("bias must be true or false, got 'zeros'", "zeros"),
        ("mean must be a finite number, got 'x'", "x"),
        ("std must be a finite number, got []", "[]"),
    ]


def test_a_component_made_in_python_is_checked_alike() -> None:
    with pytest.raises(ArgumentError, match=r"in_features must be a whole number, got 2\.5") as refused:
        Linear(2.5, 3)  # type: ignore[arg-type]
    assert refused.value.argument == "in_features"
    with pytest.raises(ArgumentError, match="out_features must be at least 1, got 0"):
        Linear(2, 0)
    with pytest.raises(ArgumentError, match=r"Linear\(in_features, out_features, bias=True, .*: missing"):
        Linear(2)  # type: ignore[call-arg]
    with pytest.raises(SpecError, match="did you mean 'zeros'"):
        Linear(2, 3, init="zeross")


# -- one component of a kind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "layer"])
def test_only_layers_are_joined(kind: str) -> None:
    [(message, at, advice)] = problems(kind, "mse-mse")
    assert message == f"expected one {kind}"
    assert at == "mse-mse"
    assert advice == "only layers are joined, grouped, labelled or repeated"


def test_a_component_is_looked_for_among_its_kind() -> None:
    losses = ", ".join(registry().names("loss"))
    assert problems("loss", "relu") == [("unknown loss 'relu'", "relu", f"there are: {losses}")]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("liner(2,2)", "linear"),
        ("l1near(2,2)", "linear"),
        ("re1u", "relu"),
        ("sigm0id", "sigmoid"),
        ("core.liner(2,2)", "core.linear"),
        ("sequentia1(relu)", "sequential"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(SpecError) as refused:
        build_model(text)
    [problem] = refused.value.problems
    assert problem.advice == f"did you mean '{near}'?"
    assert problem.message == f"unknown layer '{text.partition('(')[0]}'"


@pytest.mark.parametrize("text", ["L1near(2,2)", "LINEAR(2,2)", "ReLU", "Re1U", "Core.Linear(2,2)"])
def test_case_and_look_alikes_may_be_mistaken_at_once(text: str) -> None:
    with pytest.raises(SpecError) as refused:
        build_model(text)
    assert any(
        f"did you mean '{name}'?" == p.advice
        for p in refused.value.problems
        for name in ("linear", "relu", "core.linear")
    )


# -- components of plugins ------------------------------------------------------------------------------------


class Typed(Module):
    """A layer whose arguments are of many types."""

    def __init__(
        self,
        mode: Literal["same", "valid"] = "same",
        sizes: Sequence[int] = (1, 2),
        betas: tuple[float, float] = (0.9, 0.99),
        limit: float | None = None,
        text: str = "",
    ) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("typed(same)", "typed"),
        ("typed(valid)", 'typed(mode="valid")'),
        ("typed('valid')", 'typed(mode="valid")'),
        ("typed(sizes=[1,2])", "typed"),
        ("typed(sizes=[])", "typed(sizes=[])"),
        ("typed(betas=[0.90,0.99])", "typed"),
        ("typed(betas=[0,1])", "typed(betas=[0,1])"),
        ("typed(limit=none)", "typed"),
        ("typed(limit=0.0)", "typed(limit=0)"),
        ("typed(text='a \"b\"\\n')", 'typed(text="a \\"b\\"\\n")'),
    ],
)
def test_arguments_are_taken_as_their_types_say(install: Install, text: str, canonical: str) -> None:
    install("extra", typed=Typed)
    assert str(build_model(text)) == canonical
    assert str(build_model(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("typed(sme)", "mode must be one of same, valid, got 'sme'", "sme"),
        ("typed(sizes=1)", "sizes must be a list, each a whole number, got 1", "1"),
        ("typed(sizes=[1,'x'])", "sizes must be a list, each a whole number, got [1, 'x']", "[1,'x']"),
        ("typed(sizes=[1,true])", "sizes must be a list, each a whole number, got [1, True]", "[1,true]"),
        ("typed(betas=[0.9])", "betas must be [a finite number, a finite number], got [0.9]", "[0.9]"),
        ("typed(limit=x)", "limit must be a finite number or none, got 'x'", "x"),
        ("typed(text=3)", "text must be a text, got 3", "3"),
    ],
)
def test_values_of_other_types_are_refused(install: Install, text: str, message: str, where: str) -> None:
    install("extra", typed=Typed)
    assert problems("layer", text) == [(message, where, "")]


class Fragile(Module):
    """A layer that breaks in whichever place it is told to."""

    def __init__(self, where: str = "nowhere") -> None:
        self.where = where
        if where == "constructor":
            raise RuntimeError("no such\nthing")

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.where == "shape":
            height, width = shape
            return (height, width)
        return shape


def test_what_a_plugins_constructor_raises_is_a_problem_of_the_spec(install: Install) -> None:
    install("extra", fragile=Fragile)
    with pytest.raises(SpecError) as refused:
        build_model("relu-fragile(constructor)")
    assert str(refused.value) == (
        "spec error: fragile of minidl-extra 1.0 cannot be built: RuntimeError: no such thing\n"
        "  relu-fragile(constructor)\n"
        "       ^^^^^^^^^^^^^^^^^^^^"
    )


def test_what_a_plugins_output_shape_raises_is_a_problem_of_the_spec(install: Install) -> None:
    install("extra", fragile=Fragile)
    assert str(build_model("fragile(shape)", (4, 5))) == 'fragile(where="shape")'
    with pytest.raises(SpecError) as refused:
        build_model("relu-fragile(shape)", (4,))
    [problem] = refused.value.problems
    assert problem.message.startswith("fragile does not take inputs of shape 4: ValueError: not enough values")
    assert problem.kind == "shape error"


def test_an_ambiguous_name_lists_both_qualified_names(install: Install) -> None:
    install("one", typed=Typed)
    install("two", typed=Fragile)
    assert problems("layer", "typed") == [
        ("layer 'typed' is brought by several plugins", "typed", "write 'one.typed' or 'two.typed'")
    ]
    assert isinstance(build_model("one.typed")[0], Typed)
    assert isinstance(build_model("two.typed")[0], Fragile)


def test_a_component_with_an_ambiguous_name_is_written_with_its_plugin(install: Install) -> None:
    install("one", typed=Typed)
    install("two", typed=Fragile)
    assert str(build_model("one.typed-two.typed")) == "one.typed-two.typed"


def test_a_built_in_keeps_its_bare_name_beside_a_plugins(install: Install) -> None:
    install("extra", linear=Typed)
    assert isinstance(build_model("linear(2,3)")[0], Linear)
    assert str(build_model("linear(2,3)-extra.linear")) == "linear(2,3)-extra.linear"


def test_a_class_that_is_not_registered_is_written_by_its_own_name() -> None:
    assert str(Typed()) == "Typed"
