"""Specs -> models: sizes are filled in and checked, groups joined, labels kept."""

from __future__ import annotations

import pytest

from minidl_core.errors import ArgumentError, SpecError
from minidl_core.nn import Linear, ReLU, Sequential, Tanh
from minidl_core.spec import build_model, parse
from minidl_core.spec.problems import Problem


def shapes(model: Sequential) -> dict[str, tuple[int, ...]]:
    return {name: parameter.shape for name, parameter in model.named_parameters().items()}


def refused(text: str, *arguments: object) -> list[tuple[str, str]]:
    """What is wrong with a spec: each message, and the text that it points at."""
    with pytest.raises(SpecError) as error:
        build_model(text, *arguments)  # type: ignore[arg-type]
    return [(p.message, text[p.span.start : p.span.end]) for p in error.value.problems]


def problem(text: str, *arguments: object) -> Problem:
    with pytest.raises(SpecError) as error:
        build_model(text, *arguments)  # type: ignore[arg-type]
    [only] = error.value.problems
    return only


# -- layers ---------------------------------------------------------------------------------------------------


def test_a_chain_is_its_layers_in_their_order() -> None:
    model = build_model("linear(2,25)-relu-linear(25,3,bias=false)-tanh")
    assert [type(layer) for layer in model.layers] == [Linear, ReLU, Linear, Tanh]
    assert shapes(model) == {"0.weight": (2, 25), "0.bias": (25,), "2.weight": (25, 3)}


def test_a_single_layer_is_a_model() -> None:
    assert shapes(build_model("linear(2,3)")) == {"0.weight": (2, 3), "0.bias": (3,)}


def test_repeats_are_layers_of_their_own() -> None:
    model = build_model("(linear(4,4)-relu)*2-linear(4,4)*2")
    assert str(model) == "linear(4,4)-relu-linear(4,4)-relu-linear(4,4)-linear(4,4)"
    assert len({id(layer) for layer in model.layers}) == len(model) == 6
    assert len(shapes(model)) == 8


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("relu-(tanh-relu)", "relu-tanh-relu"),
        ("((relu))", "relu"),
        ("sequential(relu-tanh)", "relu-tanh"),
        ("sequential(relu,tanh-relu)", "relu-tanh-relu"),
        ("core.sequential(core.relu)-sequential(sequential(tanh))", "relu-tanh"),
        ("(sequential(relu)*2)*2", "relu-relu-relu-relu"),
    ],
)
def test_groups_without_a_label_are_joined_into_their_chain(text: str, canonical: str) -> None:
    assert str(build_model(text)) == canonical


# -- sizes ----------------------------------------------------------------------------------------------------


def test_a_hole_takes_the_size_of_the_layer_before_it() -> None:
    assert str(build_model("linear(2,25)-relu-linear(_,3)")) == "linear(2,25)-relu-linear(25,3)"


def test_the_first_hole_takes_the_size_of_the_data() -> None:
    assert str(build_model("tanh-linear(_,3)", (7,))) == "tanh-linear(7,3)"


def test_the_last_hole_takes_the_first_size_that_the_data_allows() -> None:
    assert str(build_model("linear(_,5)-relu-linear(_,_)-sigmoid", (2,), (3, 1))) == (
        "linear(2,5)-relu-linear(5,3)-sigmoid"
    )


def test_the_last_hole_is_that_of_the_last_sized_layer_wherever_it_stands() -> None:
    assert str(build_model("linear(2,3)-(relu-(linear(_,_)-tanh))", None, (4,))) == "linear(2,3)-relu-linear(3,4)-tanh"
    assert str(build_model("linear(2,3)-sequential(linear(_,_))", None, (4,))) == "linear(2,3)-linear(3,4)"
    assert str(build_model("linear(2,4)-linear(_,_)*1", None, (4,))) == "linear(2,4)-linear(4,4)"


def test_holes_may_be_given_by_name() -> None:
    text = "linear(out_features=_,in_features=_)"
    assert str(build_model(text, (2,), (1,))) == "linear(2,1)"


def test_repeated_holes_take_each_its_own_size() -> None:
    assert str(build_model("linear(_,4)*2", (2,))) == "linear(2,4)-linear(4,4)"


def test_a_hidden_width_is_never_guessed() -> None:
    text = "linear(2,_)-relu-linear(_,2)"
    found = refused(text, (2,), (2,))
    assert found == [("'out_features' cannot be '_' here: only the last output comes from the data", "_")]
    assert problem(text, (2,), (2,)).span == (9, 10)
    assert problem(text, (2,), (2,)).advice == "choose a width"


def test_of_a_repeated_layer_only_the_last_is_the_last() -> None:
    assert refused("linear(_,_)*2", (2,), (2,)) == [
        ("'out_features' cannot be '_' here: only the last output comes from the data", "_")
    ]


def test_the_last_output_is_not_guessed_without_data() -> None:
    assert [message for message, _ in refused("linear(2,_)")] == [
        "'out_features' cannot be '_' here: only the last output comes from the data"
    ]


def test_an_input_that_is_not_known_is_not_guessed() -> None:
    text = "relu-linear(_,3)"
    assert refused(text) == [("the size of the input is not known, so 'in_features' cannot be '_'", "_")]
    assert problem(text).advice == "write it, or give the input's (describe: --input)"


@pytest.mark.parametrize("text", ["linear(2,3,bias=_)", "linear(2,3,init=_)", "linear(2,3,true,_)"])
def test_a_hole_stands_for_a_size_and_nothing_else(text: str) -> None:
    [(message, under)] = refused(text, (2,), (3,))
    assert message.startswith("'_' stands for a size that fits, and '")
    assert under == "_"


def test_sizes_that_do_not_fit_the_layer_before_are_refused_at_the_layer() -> None:
    text = "linear(2,25)-relu-linear(20,2,bias=false)"
    assert refused(text) == [("linear expects 20 inputs but gets 25", "linear(20,2,bias=false)")]
    assert problem(text).kind == "shape error"
    assert problem(text).advice == "write linear(_,2,bias=false) to take what comes"


def test_sizes_that_do_not_fit_the_data_are_refused_at_the_layer() -> None:
    assert refused("relu-linear(3,2)", (2,)) == [("linear expects 3 inputs but gets 2", "linear(3,2)")]


def test_the_advice_keeps_the_way_in_which_the_size_was_written() -> None:
    assert problem("linear(in_features=3,out_features=2)", (2,)).advice == (
        "write linear(in_features=_,out_features=2) to take what comes"
    )


def test_a_repeated_layer_must_fit_itself() -> None:
    assert refused("linear(2,3)*2") == [("linear expects 2 inputs but gets 3", "linear(2,3)")]


def test_an_input_of_several_axes_is_refused_where_a_layer_takes_one() -> None:
    assert refused("linear(5,3)", (4, 5)) == [
        ("linear expects 5 inputs but gets 4x5; put flatten before it", "linear(5,3)")
    ]


def test_outputs_that_do_not_fit_the_data_are_refused_at_the_last_layer() -> None:
    text = "linear(2,25)-relu-linear(25,4)"
    found = problem(text, (2,), (3,))
    assert found.message == "the model gives 4 outputs but the data needs 3"
    assert found.kind == "shape error"
    assert text[found.span.start : found.span.end] == "linear(25,4)"
    assert found.advice == "write _ for the last size to take what the data needs"


def test_one_output_is_one_output() -> None:
    assert problem("linear(2,1)", (2,), (3,)).message == "the model gives 1 output but the data needs 3"


def test_every_size_that_the_data_allows_is_taken_or_named() -> None:
    assert str(build_model("linear(2,1)", (2,), (2, 1))) == "linear(2,1)"
    assert str(build_model("linear(2,2)", (2,), (2, 1))) == "linear(2,2)"
    assert problem("linear(2,3)", (2,), (2, 1)).message == "the model gives 3 outputs but the data needs 2 or 1"


def test_outputs_of_several_axes_are_refused_where_the_data_needs_a_size() -> None:
    assert problem("relu", (4, 5), (5,)).message == "the model gives 4x5 values but the data needs 5"


# -- labels ---------------------------------------------------------------------------------------------------


def test_a_label_names_the_parameters_of_its_layer() -> None:
    model = build_model("first:linear(2,3)-relu-last:linear(3,1)")
    assert list(shapes(model)) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert model["first"] is model[0]


def test_a_label_of_a_group_names_what_is_within() -> None:
    model = build_model("h:(linear(2,3)-in:linear(3,3))-linear(3,1)")
    assert list(shapes(model)) == [
        *("h.0.weight", "h.0.bias", "h.in.weight", "h.in.bias"),
        *("1.weight", "1.bias"),
    ]


def test_a_label_of_a_repeated_layer_names_them_all() -> None:
    model = build_model("h:linear(2,2)*2")
    assert list(shapes(model)) == ["h.0.weight", "h.0.bias", "h.1.weight", "h.1.bias"]
    assert str(model) == "h:(linear(2,2)-linear(2,2))"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("h:(g:linear(2,2))", ["h.g.weight", "h.g.bias"]),
        ("h:(g:(linear(2,2)-relu))", ["h.g.0.weight", "h.g.0.bias"]),
        ("h:sequential(g:linear(2,2))", ["h.g.weight", "h.g.bias"]),
        ("h:(linear(2,2))", ["h.0.weight", "h.0.bias"]),
        ("h:linear(2,2)", ["h.weight", "h.bias"]),
    ],
)
def test_no_label_is_lost(text: str, names: list[str]) -> None:
    model = build_model(text)
    assert list(shapes(model)) == names
    assert list(shapes(build_model(str(model)))) == names


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("h:relu-h:tanh", "h:tanh"),
        ("h:relu-(h:tanh)", "h:tanh"),
        ("(h:relu)-h:tanh", "h:tanh"),
        ("(h:relu)-(h:tanh)", "h:tanh"),
        ("sequential(h:relu,h:tanh)", "h:tanh"),
        ("(h:relu)*2", "h:relu"),
        ("g:(h:relu)*2", "h:relu"),
        ("g:(h:relu-(h:tanh))", "h:tanh"),
    ],
)
def test_a_label_stands_once_in_a_chain(text: str, at: str) -> None:
    assert refused(text) == [("label 'h' is given twice", at)]


def test_a_label_that_is_given_twice_is_reported_beside_a_layer_that_is_unknown() -> None:
    assert refused("h:liner(2,2)-h:relu") == [
        ("unknown layer 'liner'", "liner"),
        ("label 'h' is given twice", "h:relu"),
    ]


def test_a_label_may_stand_again_within_another() -> None:
    model = build_model("h:(h:linear(2,2)-relu)-g:(h:linear(2,2)-relu)")
    assert list(shapes(model)) == ["h.h.weight", "h.h.bias", "g.h.weight", "g.h.bias"]


def test_labels_that_are_given_twice_in_python_are_refused() -> None:
    with pytest.raises(ArgumentError, match="'h' is given twice"):
        Sequential(Linear(2, 2).labelled("h"), Linear(2, 2).labelled("h"))


def test_a_layer_that_stands_twice_in_a_model_is_refused() -> None:
    layer = Linear(2, 2)
    with pytest.raises(ArgumentError, match="twice"):
        Sequential(layer, layer)
    with pytest.raises(ArgumentError, match="twice"):
        Sequential(Sequential(layer, ReLU()), layer).named_parameters()
    with pytest.raises(ArgumentError, match="twice"):
        Sequential(Sequential(layer, ReLU()).labelled("h"), layer).named_parameters()


# -- groups that are written as components --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["sequential(2)", "sequential(layers=relu)", "sequential(foo=relu)", "sequential('relu')"]
)
def test_sequential_takes_layers_and_nothing_else(text: str) -> None:
    [(message, under)] = refused(text)
    assert message == "sequential takes layers, and nothing else"
    assert under == text[len("sequential(") : -1]


def test_an_empty_sequential_is_refused() -> None:
    assert refused("sequential()-relu") == [("sequential takes at least one layer", "sequential()")]


# -- Python-made models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        Sequential(Linear(2, 3), ReLU(), Linear(3, 1, bias=False)),
        Sequential(Sequential(Linear(2, 3)).labelled("h"), Linear(3, 1)),
        Sequential(Sequential(Linear(2, 3).labelled("g")).labelled("h")),
        Sequential(Linear(2, 3).labelled("h"), Sequential(ReLU(), Sequential(Tanh()))),
    ],
    ids=str,
)
def test_a_model_made_in_python_is_built_again_from_its_text(model: Sequential) -> None:
    again = build_model(str(model))
    assert parse(str(model)) == model.to_spec()
    assert str(again) == str(model)
    assert shapes(again) == shapes(model)
