"""Where the layers of a model stand in its text."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.nn import Linear, Module, ReLU, Sequential, Sigmoid, Tanh
from minidl_core.nn.spans import spans_of_layers


class Unregistered(ReLU):
    """A layer that no text can name."""


leaves = st.builds(lambda kind: kind(), st.sampled_from([ReLU, Tanh, Sigmoid])) | st.builds(
    lambda bias, init: Linear(3, 3, bias, init), st.booleans(), st.sampled_from(["zeros", "normal(mean=-0.5,std=1e-3)"])
)


numbers = itertools.count()


def chain(layers: list[Module], labels: list[bool]) -> Sequential:
    """A chain some of whose layers have labels, no two alike."""
    named = zip(layers, labels, strict=False)
    return Sequential(*(one.labelled(f"l{next(numbers)}") if is_named else one for one, is_named in named))


models = st.builds(
    chain,
    st.lists(
        st.recursive(
            leaves,
            lambda inner: st.builds(
                chain, st.lists(inner, min_size=1, max_size=3), st.lists(st.booleans(), min_size=3)
            ),
            max_leaves=6,
        ),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.booleans(), min_size=4),
)


@settings(max_examples=100, deadline=None)
@given(models)
def test_each_layer_s_span_is_its_own_text(model: Sequential) -> None:
    text, spans = str(model), spans_of_layers(model)
    starts = []
    for place, layer in model.layers_within().items():
        shown = text[slice(*spans[place])]
        if type(layer) is Sequential:
            assert shown in (str(layer), f"({layer})")
        else:
            starts.append(spans[place].start)
            assert shown == str(layer)
    assert starts == sorted(set(starts))  # each at a place of its own


def test_a_model_with_a_layer_that_is_not_registered_has_none() -> None:
    assert spans_of_layers(Sequential(Linear(2, 2), Unregistered())) == {}
