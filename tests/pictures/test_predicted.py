"""Predicted values stand against true ones, each target in its own units."""

from __future__ import annotations

import numpy as np
import pytest
from picture_readers import texts, trained, values

from minidl_core.pictures import pictures_of


@pytest.mark.parametrize("targets", [1, 2, 11])
def test_each_target_has_a_panel_with_its_values(targets):
    names = [f"t{number}" for number in range(targets)]
    training = trained(values(targets=targets), target=names, rounds=2)
    picture = pictures_of(training)["predicted"]
    areas = picture.figure.axes
    assert len(areas) == min(targets, 9)
    assert ("2 more targets are left out" in picture.caption) == (targets == 11)
    trained_model, test = training.trained, training.data.test
    own = trained_model.target.revert(trained_model.outputs(trained_model.prepared(test).features).double())
    for number, area in enumerate(areas):
        assert area.get_xlabel() == f"true t{number}"
        assert area.get_xlim() == area.get_ylim()
        _, points = area.lines
        np.testing.assert_allclose(points.get_xdata(), test.target[..., number].flatten())
        np.testing.assert_allclose(points.get_ydata(), own[..., number].flatten(), rtol=1e-5)


def test_very_many_rows_are_sampled_and_told():
    training = trained(values(20_000, features=3), target="t0", epochs=1)
    picture = pictures_of(training)["predicted"]
    drawn = len(picture.figure.axes[0].lines[1].get_xdata())
    assert 700 < drawn <= 1500
    assert picture.caption.startswith(f"{drawn:,} of the 4,000 test rows")
    assert len(picture.svg("page")) < 200_000


def test_a_target_that_is_constant_is_drawn():
    table = values(features=3).with_columns(t0=np.full(60, 1e9))
    for picture in pictures_of(trained(table, target="t0", task="regression")).values():
        assert picture.svg()
        assert picture.png()


def test_a_single_target_is_named_with_all_that_there_is_room_for():
    name = "温度 $x^2 <b> " + "y" * 60
    picture = pictures_of(trained(values(features=3).rename({"t0": name}), target=name))["predicted"]
    [label] = [text for text in texts(picture) if text.startswith("true")]
    assert label.startswith("true 温度 $x^2 <b> yyy")
    assert label.endswith("…")
