"""A bias before a batch norm changes nothing: its gradient is what rounding leaves, and no reason to run plainly."""

from __future__ import annotations

import pytest

from minidl_core import train


@pytest.mark.parametrize("seed", range(3))
def test_steps_are_captured_where_a_gradient_is_nothing_but_rounding(seed, caplog):
    model = "reshape(1,2,1)-conv2d(_,16,3,padding=1)-batch_norm(_)-relu-flatten-linear(_,_)"
    train(model, "moons(n=400)", loss="mse", epochs=3, batch_size=50, rounds=5, seed=seed)
    assert not caplog.messages
