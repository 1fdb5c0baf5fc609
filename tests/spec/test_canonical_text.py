"""One canonical text for each model: sizes filled in, defaults left out, and the same model when it is read again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.nn import Linear, Normal, Sequential, Zeros
from minidl_core.spec import build_component, build_model, parse
from minidl_core.spec.component import Component

INITIALIZERS = [
    "zeros",
    "normal",
    "normal(std=2)",
    "normal(mean=-0.5,std=1e-3)",
    "'xavier_uniform'",
    "kaiming_uniform(0)",
]


@dataclass
class Written:
    """A spec, and what must come of it, told by the one who wrote it."""

    inputs: int
    text: str = ""
    size: int = 0
    layers: int = 0
    weights: list[tuple[int, ...]] = field(default_factory=list)


@st.composite
def models(draw: st.DrawFn) -> Written:
    """Valid chains with labels, repeats, groups, holes, and arguments by place and by name."""
    inputs = draw(st.integers(1, 5))
    labels = iter(f"l{index}" for index in range(100))
    is_first = True

    def linear(size: int, out: int, may_hole: bool) -> tuple[str, int, list[tuple[int, ...]]]:
        written = "_" if may_hole and draw(st.booleans()) else str(size)
        bias, named = draw(st.booleans()), draw(st.booleans())
        arguments = [f"out_features={out}", f"in_features={written}"] if named else [written, str(out)]
        if not bias or draw(st.booleans()):
            arguments.append(f"bias={str(bias).lower()}")
        if draw(st.booleans()):
            arguments.append(f"init={draw(st.sampled_from(INITIALIZERS))}")
        return f"linear({','.join(arguments)})", out, [(size, out), *([(out,)] * bias)]

    def unit(size: int, depth: int, labelled: bool) -> tuple[str, int, int, list[tuple[int, ...]]]:
        """A text, the size that comes out, how many layers and which weights."""
        nonlocal is_first
        kind = draw(st.sampled_from(["linear", "linear", "elementwise", "group", "repeat"][: 5 if depth else 3]))
        may_hole, is_first = not is_first, False
        if kind == "linear":
            text, out, weights = linear(size, draw(st.integers(1, 5)), may_hole)
            return text, out, 1, weights
        if kind == "elementwise":
            times = draw(st.integers(1, 3))
            name = draw(st.sampled_from(["relu", "tanh", "sigmoid()", "core.relu"]))
            return name + (f"*{times}" if times > 1 else ""), size, times, []
        if kind == "group":
            text, out, count, weights = chain(size, depth - 1, labelled)
            return draw(st.sampled_from([f"({text})", f"sequential({text})"])), out, count, weights
        times = draw(st.integers(1, 3))
        text, _, weights = linear(size, size, may_hole)
        group = draw(st.sampled_from([text, f"({text})", f"(relu-{text})"]))
        return f"{group}*{times}", size, times * (1 + group.startswith("(relu")), weights * times

    def chain(size: int, depth: int, labelled: bool) -> tuple[str, int, int, list[tuple[int, ...]]]:
        texts, count, weights = [], 0, []
        for _ in range(draw(st.integers(1, 3))):
            text, size, more, new = unit(size, depth, labelled)
            if labelled and draw(st.integers(0, 2)) == 0:
                text = f"{next(labels)}:{text}"
            texts.append(text)
            count += more
            weights += new
        return draw(st.sampled_from(["-", " - ", "\n-"])).join(texts), size, count, weights

    text, size, count, weights = chain(inputs, 2, draw(st.booleans()))
    return Written(inputs, text, size, count, weights)


def weights_of(model: Sequential) -> dict[str, tuple[int, ...]]:
    return {name: parameter.shape for name, parameter in model.named_parameters().items()}


@settings(max_examples=200, deadline=None)
@given(models())
def test_a_model_is_what_was_written(written: Written) -> None:
    model = build_model(written.text, (written.inputs,), (written.size,))
    assert list(weights_of(model).values()) == written.weights
    assert model.output_shape((written.inputs,)) == (written.size,)
    leaves = [layer for layer in model.layers_within().values() if not isinstance(layer, Sequential)]
    assert len(leaves) == written.layers


@settings(max_examples=200, deadline=None)
@given(models())
def test_the_text_of_a_model_is_read_as_that_model(written: Written) -> None:
    model = build_model(written.text, (written.inputs,))
    assert parse(str(model)) == model == parse(str(model))
    assert parse(str(model)) == model.to_spec()
    assert parse(f"{model}-relu") != model
    again = build_model(str(model))
    assert str(again) == str(model)
    assert list(weights_of(again).items()) == list(weights_of(model).items())
    assert "_" not in str(model).replace("xavier_uniform", "").replace("kaiming_uniform", "")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("linear(2,3,bias=true)", "linear(2,3)"),
        ("linear(2,3,init=kaiming_uniform)", "linear(2,3)"),
        ("linear(2,3,init='kaiming_uniform')", "linear(2,3)"),
        ("linear(2,3,init=kaiming_uniform())", "linear(2,3)"),
        ("linear(2,3,true,zeros)", "linear(2,3,init=zeros)"),
        ("linear(2,3,init='zeros')", "linear(2,3,init=zeros)"),
        ("linear(2,3,init=normal(0,2.0))", "linear(2,3,init=normal(std=2))"),
        ("linear(out_features=3,in_features=2,bias=false)", "linear(2,3,bias=false)"),
        ("core.linear(2,3)", "linear(2,3)"),
    ],
)
def test_equal_models_have_one_text(text: str, canonical: str) -> None:
    assert str(build_model(text)) == canonical


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("optimizer", "sgd(0.1)", "sgd"),
        ("optimizer", "sgd(lr=1e-3)", "sgd(lr=0.001)"),
        ("dataset", "spirals(noise=0.02,arms=3)", "spirals(arms=3)"),
        ("initializer", "normal(std=1e-20)", "normal(std=1e-20)"),
        ("loss", " mse ( ) # squares", "mse"),
    ],
)
def test_a_component_of_any_kind_has_one_text(kind: str, text: str, canonical: str) -> None:
    component = build_component(kind, text)
    assert str(component) == canonical
    assert str(build_component(kind, canonical)) == canonical


def test_what_is_made_in_python_has_the_text_of_its_arguments() -> None:
    assert str(Linear(2, 3, init=Normal(std=0.5))) == "linear(2,3,init=normal(std=0.5))"
    assert str(Linear(2, 3, bias=False, init="zeros")) == str(Linear(2, 3, False, Zeros()))
    assert repr(Linear(2, 3)) == "<Linear linear(2,3)>"


class Note(Component):
    """A component of no use, whose arguments are of every type that a spec can write."""

    kind = "schedule"

    def __init__(
        self, text: str = "", flag: bool | float = 1.0, items: list[object] | None = None, number: float = 0.5
    ) -> None: ...


numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | st.booleans() | numbers | st.text(max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=12),
    st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.lists(st.recursive(values, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=3),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_arguments_of_every_type_are_read_as_they_were(
    text: str, flag: bool | float, items: list[object] | None, number: float
) -> None:
    note = Note(text, flag, items, number)
    assert parse(str(note).replace("Note", "note", 1)).items[0].unit.arguments == note.to_spec().items[0].unit.arguments  # type: ignore[union-attr]


def test_true_is_written_where_the_default_is_the_number_one() -> None:
    assert str(Note(flag=True)) == "Note(flag=true)"
    assert str(Note(flag=1)) == "Note"
