"""What only the hinge loss does."""

from __future__ import annotations

import pytest
import torch
from minidl_extra_losses.hinge import Hinge

from minidl_core.errors import ShapeError


def test_a_right_class_ahead_by_the_margin_loses_nothing():
    loss = Hinge(margin=2)
    assert loss.forward(torch.tensor([[5.0, 3.0, -1.0]]), torch.tensor([0])) == 0
    assert not loss.backward().any()


def test_each_wrong_class_pulls_for_itself():
    loss = Hinge()
    assert loss.forward(torch.tensor([[0.0, 0.5, 2.0, -3.0]]), torch.tensor([0])).item() == (1.5 + 3) / 4
    assert loss.backward().tolist() == [[-0.5, 0.25, 0.25, 0.0]]


def test_at_the_kink_the_gradient_is_zero_as_in_pytorch():
    output = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 1.0]], requires_grad=True)
    torch.nn.MultiMarginLoss()(output, torch.tensor([0, 1])).backward()
    loss = Hinge()
    loss.forward(output.detach(), torch.tensor([0, 1]))
    assert torch.equal(loss.backward(), output.grad)
    assert not loss.backward()[0].any()


def test_targets_that_are_no_labels_are_refused():
    for target in torch.eye(3), torch.eye(3, dtype=torch.long), torch.zeros(3):
        with pytest.raises(ShapeError, match="integer labels"):
            Hinge().forward(torch.randn(3, 3), target)
