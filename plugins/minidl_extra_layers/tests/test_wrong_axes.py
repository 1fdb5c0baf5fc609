"""A batch with other axes than a layer was told is refused before anything is computed along the wrong one."""

from __future__ import annotations

import pytest
import torch

from minidl_core import build_model
from minidl_core.errors import ShapeError


@pytest.mark.parametrize(
    ("spec", "shape", "advice"),
    [
        ("conv2d(3,8,3)-batch_norm(8)", (2, 3, 10, 10), "write axes=3"),
        ("prelu(3)", (2, 3, 4, 3), "write axes=3"),
        ("layer_norm(4)", (2, 3, 5, 4), "write axes=3"),
        ("rms_norm(4)", (2, 3, 5, 4), "write axes=3"),
        ("batch_norm(3,axes=3)", (2, 3), "write axes=1"),
        ("prelu(3,axes=3)", (2, 3), "write axes=1"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_other_axes_are_refused_with_what_to_write(spec, shape, advice, training):
    model = build_model(spec).initialize([0]).train(training)
    with pytest.raises(ShapeError, match=advice):
        model.forward(torch.randn(shape))


@pytest.mark.parametrize(
    "spec", ["conv2d(1,2,5)", "max_pool2d(5)", "avg_pool2d(5)", "conv_transpose2d(1,2,1,padding=3)"]
)
def test_maps_that_are_too_small_are_refused_in_python_too(spec):
    with pytest.raises(ShapeError):
        build_model(spec).initialize([0]).forward(torch.randn(2, 1, 3, 3))


def test_softmax_over_an_axis_that_examples_do_not_have_is_refused():
    with pytest.raises(ShapeError, match="2 axes or more"):
        build_model("softmax(dim=-2)").forward(torch.randn(3, 4))


@pytest.mark.parametrize("pool", ["max_pool2d(2)", "avg_pool2d(2)", "global_avg_pool"])
def test_a_gradient_of_rounds_comes_back_through_a_pool_that_all_rounds_share(pool):
    model = build_model(f"{pool}-flatten(axes=3)-linear(_,2)" if "2d" in pool else f"{pool}-linear(_,2)", (1, 4, 4))
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64)
    together = model.initialize([0, 1], dtype=torch.float64)
    dx = together.backward(torch.ones_like(together.forward(x)))
    assert dx.shape == (2, *x.shape)
    for number in range(2):
        alone = build_model(str(model)).initialize([number], dtype=torch.float64)
        torch.testing.assert_close(dx[number], alone.backward(torch.ones_like(alone.forward(x))))
