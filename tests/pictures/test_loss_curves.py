"""The loss curves show the mean of the rounds and its deviation, whatever the losses are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from picture_readers import texts, trained

from minidl_core.errors import DivergedError
from minidl_core.pictures import pictures_of
from minidl_core.training import Training


@pytest.fixture(scope="module")
def training() -> Training:
    return trained("disk(n=50)", rounds=4, epochs=6, patience=2)


def redrawn(training: Training, history: torch.Tensor, **changes: object):
    """The picture of the same training, had its losses been these."""
    changes = {"history": history, "validation_history": None, "best_epochs": None} | changes
    return pictures_of(dataclasses.replace(training, **changes))["loss"]


def line(picture) -> tuple[np.ndarray, np.ndarray]:
    return picture.figure.axes[0].lines[0].get_data()


def test_lines_are_the_mean_over_rounds_and_bands_one_deviation(training):
    picture = pictures_of(training)["loss"]
    area = picture.figure.axes[0]
    for drawn, band, history in zip(
        area.lines, area.collections, [training.history, training.validation_history], strict=False
    ):
        numbers = history.double().numpy()
        mean, std = numbers.mean(1), numbers.std(1, ddof=1)
        np.testing.assert_allclose(drawn.get_xdata(), np.arange(1, len(numbers) + 1))
        np.testing.assert_allclose(drawn.get_ydata(), mean)
        edges = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([edges.min(), edges.max()], [(mean - std).min(), (mean + std).max()])
    assert texts(picture)[-4:] == ["training", "validation", "best of each round", "± 1 standard deviation (4 rounds)"]


def test_the_best_epoch_of_each_round_lies_on_its_own_losses(training):
    *_, best = pictures_of(training)["loss"].figure.axes[0].lines
    assert tuple(best.get_xdata()) == training.best_epochs
    expected = [training.validation_history[epoch - 1, r].item() for r, epoch in enumerate(training.best_epochs)]
    np.testing.assert_allclose(best.get_ydata(), expected)


def test_a_single_round_has_no_band_and_its_best_epoch_is_told():
    training = trained("disk(n=50)", epochs=5, patience=2)
    picture = pictures_of(training)["loss"]
    assert not picture.figure.axes[0].collections
    assert f"best, epoch {training.best_epochs[0]}" in texts(picture)
    assert "standard deviation" not in picture.caption


def test_of_no_epoch_there_is_no_picture_but_all_others():
    training = trained("disk(n=50)", stop=lambda: True)
    assert training.epochs == 0
    assert list(pictures_of(training)) == ["confusion", "regions", "weights", "gradients"]


def test_one_epoch_is_a_mark():
    picture = pictures_of(trained("disk(n=50)", epochs=1))["loss"]
    assert picture.figure.axes[0].lines[0].get_marker() == "o"


def test_losses_of_many_sizes_have_an_axis_of_logarithms_with_plain_numbers(training):
    history = torch.logspace(2, -6, 50).unsqueeze(-1) * torch.tensor([1.0, 2.0])
    picture = redrawn(training, history)
    assert picture.figure.axes[0].get_yscale() == "log"
    assert "0.01" in texts(picture)
    assert not any("$" in text for text in texts(picture))


@pytest.mark.parametrize(
    "history",
    [
        torch.full((5, 2), 0.25),
        torch.zeros(5, 2),
        torch.full((5, 2), -3.0),
        torch.tensor([[1.0, 2.0], [torch.nan, 1.0], [torch.nan, torch.nan], [0.5, torch.inf]]),
        torch.tensor([[1e-45, 1e38]]),
        torch.tensor([[1e308, 1.0], [1e299, 1e-300]], dtype=torch.float64),
        torch.rand(1200, 100),
    ],
)
def test_whatever_the_losses_are_they_are_drawn(training, history):
    picture = redrawn(training, history)
    assert picture.svg()
    assert picture.png().startswith(b"\x89PNG")


def test_what_is_not_finite_is_left_out_and_told(training):
    history = torch.tensor([[1.0, 2.0], [torch.nan, 1.0], [torch.nan, torch.nan], [0.5, torch.inf]])
    picture = redrawn(training, history)
    assert "4 values that are too great, or no numbers, are left out" in picture.caption
    np.testing.assert_array_equal(line(picture)[1], [1.5, 1, np.nan, 0.5])


def test_of_losses_none_of_which_is_finite_there_is_no_picture(training):
    assert "loss" not in pictures_of(
        dataclasses.replace(training, history=torch.full((3, 4), torch.nan), validation_history=None)
    )


def test_very_many_epochs_are_thinned_out(training):
    picture = redrawn(training, torch.rand(50_000, 2))
    assert len(line(picture)[0]) == 1000
    assert len(picture.svg()) < 200_000


def test_a_training_that_diverged_has_the_pictures_of_what_there_was():
    with pytest.raises(DivergedError) as caught:
        trained("disk(n=50)", model="linear(_,8)-relu-linear(8,_)", optimizer="sgd(lr=1e9)", epochs=20)
    assert caught.value.training is not None
    for picture in pictures_of(caught.value.training).values():
        assert picture.svg()
