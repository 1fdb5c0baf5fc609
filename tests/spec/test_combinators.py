"""Combinators, layers that take chains, are ordinary components: a plugin brings one as it brings any layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor

from minidl_core.errors import ShapeError, SpecError
from minidl_core.nn import Linear, Module, ReLU, Sequential
from minidl_core.nn.spans import spans_of_layers
from minidl_core.spec import build_component, build_model, parse

Install = Callable[..., None]


class Residual(Module):
    """y = x + gain f(x).   dx = dy + gain f'(dy)."""

    def __init__(self, inner: Module, gain: float = 1.0) -> None:
        self.inner, self.gain = inner, gain

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gain * self.inner.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return dy + self.inner.backward(self.gain * dy)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if (out := self.inner.output_shape(shape)) != shape:
            raise ShapeError(f"residual needs as many outputs as inputs, {shape[-1]}, but gets {out[-1]}")
        return shape


class Either(Module):
    """A layer that takes a layer, or the sizes of one; and no hints of its own on which of them."""

    def __init__(self, first: Module, second: Module | None = None, sizes: Sequence[int] = ()) -> None:
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return self.first.forward(x)

    def backward(self, dy: Tensor) -> Tensor:
        return self.first.backward(dy)


class Several(Module):
    """A layer that takes any number of layers by position, and more by name."""

    def __init__(self, *layers: Module, scale: float = 1.0, axes: int = 1) -> None:
        self.layers = list(layers)

    axes_argument = "axes"

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([layer.forward(x) for layer in self.layers]).sum(0)

    def backward(self, dy: Tensor) -> Tensor:
        return torch.stack([layer.backward(dy) for layer in self.layers]).sum(0)

    def children(self) -> Iterator[tuple[str, Module]]:
        for index, layer in enumerate(self.layers):
            yield str(index), layer


class Weighted(Several):
    """One with arguments before the layers, and none by name alone."""

    axes_argument = None

    def __init__(self, factor: int, scale: float = 1.0, *layers: Module) -> None:
        self.layers = list(layers)


@pytest.fixture(autouse=True)
def _residual(install: Install) -> None:
    install("extra", residual=Residual, either=Either, several=Several, weighted=Weighted)


def problems(text: str, *arguments: object) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as error:
        build_model(text, *arguments)  # type: ignore[arg-type]
    return [(p.message, text[p.span.start : p.span.end]) for p in error.value.problems]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("residual(linear(3,3)-relu)", "residual(linear(3,3)-relu)"),
        ("residual(relu)", "residual(relu)"),
        ("residual(inner=relu, gain=2)", "residual(relu,gain=2)"),
        ("residual((relu-tanh)*2)", "residual(relu-tanh-relu-tanh)"),
        ("residual(sequential(relu,tanh))", "residual(relu-tanh)"),
        ("residual(h:linear(2,2)-relu)", "residual(h:linear(2,2)-relu)"),
        ("residual(residual(relu)-residual(tanh,2))", "residual(residual(relu)-residual(tanh,gain=2))"),
        ("h:residual(relu)*2", "h:(residual(relu)-residual(relu))"),
        ("extra.residual(core.relu)", "residual(relu)"),
        (
            "several(linear(2,2)-relu, tanh, several(relu), scale=2)",
            "several(linear(2,2)-relu,tanh,several(relu),scale=2)",
        ),
        ("several()", "several"),
        ("weighted(2, 1.5, relu-tanh, relu)", "weighted(2,1.5,relu-tanh,relu)"),
        ("weighted(2, 0.5, relu)", "weighted(2,0.5,relu)"),
        ("weighted(2)-weighted(2,scale=0.5)", "weighted(2)-weighted(2,scale=0.5)"),
        ("either(relu,tanh)-either(relu,none)", "either(relu,second=tanh)-either(relu)"),
    ],
)
def test_a_combinator_is_built_and_written_back(text: str, canonical: str) -> None:
    model = build_model(text)
    assert str(model) == canonical
    assert parse(canonical) == model.to_spec()
    assert str(build_model(canonical)) == canonical


def test_holes_within_take_the_size_that_comes() -> None:
    text = "linear(2,5)-residual(linear(_,3)-relu-linear(_,5))-linear(_,_)"
    assert str(build_model(text, (2,), (1,))) == "linear(2,5)-residual(linear(5,3)-relu-linear(3,5))-linear(5,1)"


def test_the_first_hole_within_takes_the_size_of_the_data() -> None:
    assert str(build_model("residual(linear(_,4))", (4,))) == "residual(linear(4,4))"


def test_a_last_output_within_is_not_that_of_the_model() -> None:
    assert problems("linear(_,_)-residual(linear(_,_))", (4,), (4,)) == [
        ("'out_features' cannot be '_' here: only the last output comes from the data", "_")
    ]


def test_the_last_hole_may_stand_before_a_combinator_that_keeps_the_size() -> None:
    assert str(build_model("linear(_,_)-residual(tanh)", (4,), (3,))) == "linear(4,3)-residual(tanh)"


def test_sizes_within_are_checked_at_their_place() -> None:
    assert problems("linear(2,5)-residual(linear(4,5))") == [("linear expects 4 inputs but gets 5", "linear(4,5)")]
    assert problems("residual(linear(_,3)-linear(4,5))", (5,)) == [
        ("linear expects 4 inputs but gets 3", "linear(4,5)")
    ]


def test_a_shape_that_a_combinator_refuses_is_shown_at_the_combinator() -> None:
    assert problems("linear(2,5)-residual(linear(_,4))") == [
        ("residual needs as many outputs as inputs, 5, but gets 4", "residual(linear(_,4))")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("residual(liner(2,2)-relu)", [("unknown layer 'liner'", "liner")]),
        ("residual(relu-liner(2,2)-tahn)", [("unknown layer 'liner'", "liner"), ("unknown layer 'tahn'", "tahn")]),
        ("residual(relu*0-tanh)", [("expected how often to repeat, a whole number of at least 1, found '0'", "0")]),
        ("residual(relu-)", [("expected the name of a component, found ')'", ")")]),
        ("residual(h:relu-h:tanh)", [("label 'h' is given twice", "h:tanh")]),
        ("residual(3)", [("inner must be a layer, got 3", "3")]),
        ("residual('relu')", [("inner must be a layer, got 'relu'", "'relu'")]),
        ("residual([relu])", [("inner must be a layer, got [<Sequential relu>]", "[relu]")]),
        ("residual(none)", [("inner must be a layer, got none", "none")]),
        ("residual(_)", [("'_' stands for a size that fits, and 'inner' is not one", "_")]),
        ("several(relu,3,scale=2)", [("layers must be a layer, got 3", "3")]),
        ("several(relu,scale=2,tanh)", [("tanh has no name but follows an argument that has one", "tanh")]),
        ("several(layers=relu)", [("several has no argument 'layers'", "layers=relu")]),
        ("several(liner,relu,tahn)", [("unknown layer 'liner'", "liner"), ("unknown layer 'tahn'", "tahn")]),
        ("residual(linear(_,4)-liner,x)-tahn", [
            *[("the size of the input is not known, so 'in_features' cannot be '_'", "_")],
            *[("unknown layer 'liner'", "liner"), ("gain must be a finite number, got 'x'", "x")],
            ("unknown layer 'tahn'", "tahn"),
        ]),
    ],
)  # fmt: skip
def test_problems_within_are_reported_once_at_their_place(text: str, expected: list[tuple[str, str]]) -> None:
    assert problems(text) == expected


def test_labels_within_are_a_chain_of_their_own() -> None:
    model = build_model("h:linear(2,2)-r:residual(h:linear(2,2)-linear(2,2))")
    assert list(model.named_parameters()) == [
        *("h.weight", "h.bias"),
        *("r.inner.h.weight", "r.inner.h.bias", "r.inner.1.weight", "r.inner.1.bias"),
    ]


def test_a_combinator_counts_among_the_components_of_its_kind() -> None:
    assert isinstance(build_component("layer", "residual(linear(2,2))"), Residual)


def test_a_combinator_made_in_python_is_written_as_a_spec() -> None:
    model = Sequential(Residual(Sequential(Linear(3, 3), ReLU()), gain=0.5))
    assert str(model) == "residual(linear(3,3)-relu,gain=0.5)"
    again = build_model(str(model))
    assert list(again.named_parameters()) == list(model.named_parameters())


def test_a_layer_that_stands_in_two_combinators_is_refused() -> None:
    layer = Linear(2, 2)
    with pytest.raises(ValueError, match="twice"):
        Sequential(Residual(layer), Residual(layer)).named_parameters()


def test_what_a_combinator_computes_is_what_its_spec_says() -> None:
    model = build_model("residual(linear(_,3,init=zeros),gain=4)-linear(_,2)", (3,)).initialize(
        [0], dtype=torch.float64
    )
    x = torch.randn(5, 3, dtype=torch.float64)
    bias = model.named_parameters()["0.inner.0.bias"].value
    last = model[1]
    assert isinstance(last, Linear)
    torch.testing.assert_close(model.forward(x), last.forward(x + 4 * bias))


def test_layers_within_a_combinator_are_found_in_the_text_of_its_model() -> None:
    text = "linear(3,2)-either(residual(a:relu-linear(2,2)),second=tanh)-residual(relu)"
    model = build_model(text)
    spans = spans_of_layers(model)
    assert {place: text[slice(*spans[place])] for place in model.layers_within()} == {
        "": text,
        "0": "linear(3,2)",
        "1": "either(residual(a:relu-linear(2,2)),second=tanh)",
        "1.first": "residual(a:relu-linear(2,2))",
        "1.first.0": "residual(a:relu-linear(2,2))",
        "1.first.0.inner": "a:relu-linear(2,2)",
        "1.first.0.inner.a": "relu",
        "1.first.0.inner.1": "linear(2,2)",
        "1.second": "tanh",
        "1.second.0": "tanh",
        "2": "residual(relu)",
        "2.inner": "relu",
        "2.inner.0": "relu",
    }


def test_how_many_axes_an_example_has_is_filled_in_where_it_is_known() -> None:
    assert str(build_model("several(relu)", (1, 8, 8))) == "several(relu,axes=3)"
    assert str(build_model("several(relu,axes=2)", (1, 8, 8))) == "several(relu,axes=2)"
    assert str(build_model("several(relu)", (8,))) == str(build_model("several(relu)")) == "several(relu)"


def test_layers_among_any_number_of_them_are_found_in_the_text_of_their_model() -> None:
    text = "several(relu-tanh,linear(2,2),scale=2)"
    spans = spans_of_layers(build_model(text))
    assert {place: text[slice(*spans[place])] for place in ("0.0", "0.0.1", "0.1.0")} == {
        "0.0": "relu-tanh",
        "0.0.1": "tanh",
        "0.1.0": "linear(2,2)",
    }


class Said(Residual):
    """A combinator that says its input."""

    def input_shape(self) -> tuple[int, ...] | None:
        return self.inner.input_shape()


def test_the_input_of_a_model_is_known_from_within_a_combinator_that_says_it(install: Install) -> None:
    install("said", said=Said)
    assert str(build_model("said(linear(4,4))-linear(_,2)")) == "said(linear(4,4))-linear(4,2)"


class Doubled(Residual):
    """A combinator that makes its own layer."""

    def __init__(self, size: int) -> None:
        super().__init__(Linear(size, size))


def test_a_layer_that_a_combinator_makes_by_itself_is_found_at_the_combinator(install: Install) -> None:
    install("more", doubled=Doubled)
    assert spans_of_layers(build_model("relu-doubled(3)"))["1.inner"] == (5, 15)
