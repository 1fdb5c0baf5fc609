"""The confusion matrix is scikit-learn's, of few classes and of many."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import torch
from matplotlib.colors import to_rgb
from picture_readers import HOSTILE, classes, texts, trained

from minidl_core.pictures import pictures_of
from minidl_core.pictures.colours import readable_on
from minidl_core.pictures.confusion import confusion, matrix_of, most_mistaken
from minidl_core.pictures.rows import Rows


def confused(training) -> np.ndarray:
    """By scikit-learn, of all rounds together."""
    trained, examples = training.trained, training.data.test or training.data.train
    output = trained.outputs(trained.prepared(examples).features)
    predicted = trained.loss.scores(output).argmax(-1)
    target = examples.target.expand(predicted.shape)
    weight = torch.ones(target.shape) if examples.weight is None else examples.weight.expand(target.shape)
    known = range(len(trained.classes))
    return sklearn.metrics.confusion_matrix(
        target.flatten(), predicted.flatten(), labels=known, sample_weight=weight.flatten()
    )


@pytest.mark.parametrize("options", [{"rounds": 3}, {"rounds": 1}, {"test_fraction": 0.0}, {"rounds": 2, "folds": 2}])
def test_the_matrix_is_scikit_learns(options):
    training = trained(classes(["a", "b", "c"]), target="class", epochs=2, **options)
    picture = pictures_of(training)["confusion"]
    expected = confused(training)
    written = [f"{number:.0f}" for number in expected[expected > 0]]
    assert [text.get_text() for text in picture.figure.axes[0].texts] == written
    [image] = picture.figure.axes[0].images
    np.testing.assert_allclose(image.get_array(), expected / expected.sum(1, keepdims=True))
    part = "training" if options.get("test_fraction") == 0 else "test"
    assert f"{expected.sum():.0f} {part} rows" in picture.caption
    assert ("the model of its round" in picture.caption) == (options.get("rounds", 1) > 1)


def test_weights_of_rows_are_summed():
    table = classes(["a", "b"]).with_columns(much=np.linspace(0.5, 2, 200))
    training = trained(table, target="class", weight="much", rounds=2)
    picture = pictures_of(training)["confusion"]
    assert "what they weigh" in picture.caption
    expected = confused(training)
    written = [f"{number:.3g}" for number in expected[expected > 0]]
    assert [text.get_text() for text in picture.figure.axes[0].texts] == written


def test_rows_that_fill_up_a_round_are_not_counted():
    table = classes(["a", "b"]).with_columns(group=np.arange(200) ** 2 % 17)
    training = trained(table, target="class", group="group", rounds=3)
    assert training.data.test is not None
    assert training.data.test.counts is not None
    caption = pictures_of(training)["confusion"].caption
    assert caption.startswith(f"Of the {sum(training.data.test.counts)} test rows of 3 rounds")


def test_fifty_classes_are_named_and_not_numbered():
    names = [f"class {number:02}" for number in range(50)]
    picture = pictures_of(trained(classes(names, rows=600), target="class", epochs=1))["confusion"]
    assert all(texts(picture).count(name) == 2 for name in names)
    assert not picture.figure.axes[0].texts


def test_of_very_many_classes_the_most_mistaken_are_shown():
    random = np.random.default_rng(0)
    true = random.integers(0, 300, 5000)
    predicted = np.where(random.random(5000) < 0.01 * (true % 7), random.integers(0, 300, 5000), true)
    weight = random.random(5000)
    kept = most_mistaken(true, predicted, weight, 300)
    wrong = sklearn.metrics.confusion_matrix(true, predicted, labels=range(300), sample_weight=weight)
    mistakes = wrong.sum(0) + wrong.sum(1) - 2 * wrong.diagonal()
    assert len(kept) == 60
    assert mistakes[kept].min() >= np.delete(mistakes, kept).max()
    np.testing.assert_allclose(matrix_of(true, predicted, weight, kept), wrong[np.ix_(kept, kept)])
    rows = Rows("test", 5000, *map(torch.from_numpy, (true, predicted, weight)))
    picture = confusion(rows, tuple(map(str, range(300))), 1, True)
    assert "Shown are the 60 of 300 classes that are most often mistaken" in picture.caption


def test_names_of_classes_are_anyones_text():
    picture = pictures_of(trained(classes([*HOSTILE]), target="class", epochs=1))["confusion"]
    written = texts(picture)
    assert "温度 🌡 ℃" in written
    assert "$\\frac{a}{$ $x^2$" in written
    assert "tab and line" in written
    assert "x" * 21 + "…" in written
    assert "<script>" not in picture.svg("page")


@pytest.mark.parametrize("colour", ["#440154", "#21918c", "#fde725", "#767676", "#0072b2", "#d55e00", "#7f7f7f"])
def test_what_is_written_on_a_colour_can_be_read(colour):
    def luminance(of: str) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(of)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted(map(luminance, (colour, readable_on(*to_rgb(colour)))))
    assert (high + 0.05) / (low + 0.05) >= 4.5
