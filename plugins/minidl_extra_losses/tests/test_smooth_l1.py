"""What only the smooth L1 loss does."""

from __future__ import annotations

import pytest
import torch
from minidl_extra_losses.huber import Huber
from minidl_extra_losses.smooth_l1 import SmoothL1

from minidl_core.losses import MAE


def test_it_is_the_huber_loss_divided_by_beta():
    output, target = 3 * torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    loss, huber = SmoothL1(beta=0.4), Huber(delta=0.4)
    torch.testing.assert_close(loss.forward(output, target), huber.forward(output, target) / 0.4)
    torch.testing.assert_close(loss.backward(), huber.backward() / 0.4)


def test_a_beta_of_zero_is_the_mean_absolute_error():
    output, target = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 0.5]])
    loss, mae = SmoothL1(beta=0), MAE()
    assert torch.equal(loss.forward(output, target), mae.forward(output, target))
    assert torch.equal(loss.backward(), mae.backward())


@pytest.mark.parametrize("beta", [1.0, 0.0, 1e-30])
def test_at_beta_and_at_zero_it_is_as_in_pytorch(beta):
    error = torch.tensor([[-1.0, 1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    expected = torch.nn.SmoothL1Loss(beta=beta)(error, torch.zeros_like(error))
    expected.backward()
    loss = SmoothL1(beta)
    torch.testing.assert_close(loss.forward(error.detach(), torch.zeros(1, 3, dtype=torch.float64)), expected.detach())
    torch.testing.assert_close(loss.backward(), error.grad)
