"""Weights are those that the model has, gradients those of its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_readers import texts, trained, values

from minidl_core.nn import Linear, Module, Parameter, Sequential
from minidl_core.pictures import pictures_of


def drawn(picture) -> list:
    """The shapes in each panel: of each parameter what is filled, then its outline."""
    return [area.patches for area in picture.figure.axes]


def test_each_layer_has_a_panel_with_the_shares_of_its_numbers():
    training = trained("disk(n=100)", model="linear(_,8)-tanh-mine:linear(8,8)-tanh-linear(8,_)", rounds=3)
    picture = pictures_of(training)["weights"]
    assert [text for text in texts(picture) if "linear" in text] == ["0 linear", "mine linear", "4 linear"]
    assert texts(picture)[-3:] == ["across: the value, up: how frequent it is", "weight", "bias"]
    parameters = training.trained.model.named_parameters()
    for place, shapes in zip(["0", "mine", "4"], drawn(picture), strict=True):
        for name, (filled, outline) in zip(["weight", "bias"], [shapes[:2], shapes[2:]], strict=True):
            numbers = parameters[f"{place}.{name}"].value.flatten().double().numpy()
            density, edges, _ = outline.get_data()
            expected, _ = np.histogram(numbers, edges)
            np.testing.assert_allclose(density, expected / len(numbers) * len(expected))
            np.testing.assert_array_equal(filled.get_data().values, density)
            assert expected.sum() == len(numbers)


def test_gradients_are_autograds():
    training = trained("disk(n=100)", rounds=2, dtype="float64")
    picture = pictures_of(training)["gradients"]
    trained_model, train = training.trained, training.data.train
    prepared = trained_model.prepared(train)
    weight, bias, last, last_bias = (
        parameter.value.clone().requires_grad_() for parameter in trained_model.model.named_parameters().values()
    )
    hidden = (prepared.features @ weight + bias.unsqueeze(-2)).tanh()
    output = hidden @ last + last_bias.unsqueeze(-2)
    ((output - prepared.target) ** 2).mean((-2, -1)).sum().backward()
    for grads, shapes in zip([(weight, bias), (last, last_bias)], drawn(picture), strict=True):
        for tensor, outline in zip(grads, shapes[1::2], strict=True):
            density, edges, _ = outline.get_data()
            sizes = np.log10(tensor.grad.abs().flatten().numpy()).clip(edges[0] + 1e-9)
            expected, _ = np.histogram(sizes, edges)
            # The least percent of all sizes are drawn at the edge.
            np.testing.assert_allclose(density[1:], (expected / sizes.size * len(expected))[1:], atol=0.05 * len(edges))
            assert density.sum() == pytest.approx(len(expected))


def test_the_training_is_as_it_was():
    training = trained("disk(n=100)", rounds=2)
    parameters = training.trained.model.parameters
    before = parameters.values.clone(), parameters.grads.clone(), torch.get_num_threads()
    pictures_of(training)
    assert torch.equal(parameters.values, before[0])
    assert torch.equal(parameters.grads, before[1])
    assert torch.get_num_threads() == before[2]


def test_of_thirty_layers_the_first_and_the_last_are_shown_and_the_others_told():
    model = "linear(_,6)-tanh-(linear(6,6)-tanh)*28-linear(6,_)"
    for name in "weights", "gradients":
        picture = pictures_of(trained("disk(n=50)", model=model, epochs=1))[name]
        headings = [area.get_title("left") for area in picture.figure.axes]
        assert headings[:2] == ["0 linear", "2 linear"]
        assert headings[-1] == "58 linear"
        assert len(headings) == 12
        assert "18 layers in the middle of the model are left out" in picture.caption


def test_gradients_of_zero_are_told_in_words():
    training = trained("disk(n=50)", model="linear(_,8)-relu-linear(8,_)")
    training.trained.model["0"].bias.value.fill_(-1e6)
    picture = pictures_of(training)["gradients"]
    assert "100 % are 0" in texts(picture)


class Shift(Module):
    """y = x + shift; a layer that no plugin registers, and that lets no gradient be taken."""

    def __init__(self, features: int = 2) -> None:
        self.shift = Parameter((features,), "zeros", 1, 1)

    def forward(self, x):
        return x + self.shift.value.unsqueeze(-2)

    def backward(self, dy):
        self.shift.grad = dy.sum(-2)
        if not self.training:
            raise ZeroDivisionError
        return dy


def test_a_layer_without_gradients_in_an_evaluation_costs_their_picture_alone():
    training = trained("disk(n=50)", model=Sequential(Shift(2), Linear(2, 2)))
    assert list(pictures_of(training)) == ["loss", "confusion", "regions", "weights"]


class Doubled(Module):
    """y = 2 x, of one round at a time."""

    takes_rounds = False

    def forward(self, x):
        assert x.dim() == 2
        return 2 * x

    def backward(self, dy):
        return 2 * dy


def test_layers_that_take_no_rounds_have_the_same_pictures():
    layers = Linear(2, 4), Doubled(), Linear(4, 2)
    pictures = pictures_of(trained("disk(n=50)", model=Sequential(*layers), rounds=2))
    assert list(pictures) == ["loss", "confusion", "regions", "weights", "gradients"]
    assert [area.get_title("left") for area in pictures["gradients"].figure.axes] == ["0 linear", "2 linear"]


def test_a_model_of_very_many_weights_is_sampled():
    training = trained(
        values(30, features=3), target="t0", model="linear(_,1000)-tanh-linear(1000,1000)-tanh-linear(_,1)"
    )
    for name, picture in pictures_of(training).items():
        assert len(picture.svg("page")) < 60_000, name
