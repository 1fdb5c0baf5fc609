"""What only the squared hinge loss does."""

from __future__ import annotations

import torch
from minidl_extra_losses.squared_hinge import SquaredHinge


def test_a_right_class_ahead_by_the_margin_loses_nothing():
    loss = SquaredHinge(margin=2)
    assert loss.forward(torch.tensor([[5.0, 3.0, -1.0]]), torch.tensor([0])) == 0
    assert not loss.backward().any()


def test_each_wrong_class_pulls_by_how_far_it_is_within_the_margin():
    loss = SquaredHinge()
    assert loss.forward(torch.tensor([[0.0, 0.5, 2.0, -3.0]]), torch.tensor([0])).item() == (1.5**2 + 3**2) / 4
    assert loss.backward().tolist() == [[-2.25, 0.75, 1.5, 0.0]]
