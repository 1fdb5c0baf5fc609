"""In the plane of two columns, a picture shows what the model answers, and where it is wrong."""

from __future__ import annotations

import numpy as np
import polars
import pytest
import torch
from matplotlib.colors import to_rgb
from picture_readers import classes, texts, trained, values

from minidl_core.pictures import pictures_of
from minidl_core.pictures.colours import SERIES


@pytest.fixture(scope="module")
def disk():
    return trained("disk(n=150)", rounds=3, epochs=20)


def test_regions_are_what_the_model_predicts(disk):
    picture = pictures_of(disk)["regions"]
    [image] = picture.figure.axes[0].images
    shown, (left, right, below, above) = np.asarray(image.get_array()), image.get_extent()
    side = len(shown)
    assert (picture.heading, image.origin) == ("Decision regions", "lower")
    for row, column in [(0, 0), (side // 2, side // 2), (side - 1, 3), (side // 3, side // 4)]:
        x = left + (right - left) * (column + 0.5) / side
        y = below + (above - below) * (row + 0.5) / side
        [answer] = disk.trained.predict(torch.tensor([[x, y]], dtype=torch.float64))
        np.testing.assert_allclose(shown[row, column, :3], to_rgb(SERIES[int(answer)]), atol=1e-6)


def test_mistakes_have_rings_and_all_points_are_of_the_test_part(disk):
    picture = pictures_of(disk)["regions"]
    *by_class, rings = picture.figure.axes[0].lines
    points = np.concatenate([np.stack(line.get_data(), -1) for line in by_class])
    test = disk.data.test.features.reshape(-1, 2).numpy()
    assert len(points) == 450
    assert {tuple(point) for point in points} == {tuple(point) for point in test}
    answers = disk.trained.predict(torch.from_numpy(test))
    wrong = np.array(list(map(int, answers))) != disk.data.test.target.flatten().numpy()
    assert {tuple(point) for point in np.stack(rings.get_data(), -1)} == {tuple(point) for point in test[wrong]}
    assert texts(picture)[-4:] == ["class", "0", "1", f"mistaken ({wrong.sum()})"]


def test_columns_that_may_have_one_unit_are_of_one_scale(disk):
    def shape(training):
        area = pictures_of(training)["regions"].figure.axes[0]
        width, height = area.figure.get_size_inches() * area.get_position().size
        return (width / np.diff(area.get_xlim())) / (height / np.diff(area.get_ylim()))

    assert shape(disk) == pytest.approx(1)
    assert shape(trained("moons(n=60)")) == pytest.approx(1)
    assert shape(trained(values(), target="t0")) > 2  # one column has ten times the other's range


def test_of_values_there_is_a_surface_in_their_units():
    training = trained(values(), target="t0", rounds=2)
    picture = pictures_of(training)["regions"]
    area, strip = picture.figure.axes
    assert picture.heading == "Predicted surface"
    assert strip.get_ylabel() == "t0"
    [image], [points] = area.images, area.collections
    left, right, below, above = image.get_extent()
    side = len(image.get_array())
    assert image.origin == "lower"
    middle = [[left + (right - left) * (0.5 + 40) / side, below + (above - below) * (0.5 + 30) / side]]
    [answer] = training.trained.predict(torch.tensor(middle, dtype=torch.float64))
    assert image.get_array()[30, 40] == pytest.approx(answer)
    np.testing.assert_allclose(points.get_array(), training.data.test.target.flatten())


@pytest.mark.parametrize("data", [classes(["a", "b"], features=3), classes(["a", "b"], features=1)])
def test_of_other_than_two_columns_there_is_none(data):
    assert "regions" not in pictures_of(trained(data, target="class"))


def test_a_column_of_categories_has_none():
    data = classes(["a", "b"], features=2).with_columns(x1=polars.lit("u"))
    assert "regions" not in pictures_of(trained(data, target="class"))


def test_missing_cells_are_no_points():
    data = classes(["a", "b"], features=2).with_columns(
        x0=polars.when(polars.arange(200) % 4 == 0).then(None).otherwise(polars.col("x0"))
    )
    picture = pictures_of(trained(data, target="class", missing="median"))["regions"]
    shown = sum(len(line.get_xdata()) for line in picture.figure.axes[0].lines[:2])
    assert 0 < shown < 40


def test_a_constant_column_and_enormous_ones_are_drawn_or_left_out():
    data = classes(["a", "b"], features=2)
    for x0 in np.full(200, 7.0), np.linspace(-1e30, 1e30, 200), np.linspace(1, 1 + 1e-12, 200):
        for picture in pictures_of(trained(data.with_columns(x0=x0), target="class")).values():
            assert picture.png()


def test_of_a_hundred_rounds_a_thousand_points_are_shown_and_told():
    training = trained("disk(n=50)", rounds=100, epochs=1)
    picture = pictures_of(training)["regions"]
    assert "1,000 of the 5,000 test rows" in picture.caption
    assert "the mean output of its 100 rounds" in picture.caption


def test_what_gives_no_finite_output_is_left_out():
    training = trained("disk(n=50)", model="linear(_,8)-relu-linear(8,_)")
    training.trained.model.parameters.values.fill_(1e30)
    assert "regions" not in pictures_of(training)


def test_many_classes_differ_in_colour_or_marker():
    picture = pictures_of(trained("spirals(n=900, arms=30)", epochs=1))["regions"]
    looks = {(line.get_markerfacecolor(), line.get_marker()) for line in picture.figure.axes[0].lines[:30]}
    assert len(looks) == 30
