"""What only the Huber loss does."""

from __future__ import annotations

import torch
from minidl_extra_losses.huber import Huber

from minidl_core.losses import MSE


def test_value_and_derivative_are_continuous_at_delta():
    error = torch.tensor([[-2.0, 2.0, -2 - 1e-9, 2 + 1e-9]], dtype=torch.float64)
    loss = Huber(delta=2)
    each = loss.value(error, torch.zeros_like(error))
    torch.testing.assert_close(each, torch.full_like(error, 2.0), rtol=0, atol=1e-8)
    torch.testing.assert_close(loss.derivative(), 2 * error.sign())


def test_at_exactly_delta_it_is_as_in_pytorch():
    error = torch.tensor([[-2.0, 2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    expected = torch.nn.HuberLoss(delta=2)(error, torch.zeros_like(error))
    expected.backward()
    loss = Huber(delta=2)
    torch.testing.assert_close(loss.forward(error.detach(), torch.zeros(1, 3, dtype=torch.float64)), expected.detach())
    torch.testing.assert_close(loss.backward(), error.grad)


def test_for_a_large_delta_it_is_half_the_mean_squared_error():
    output, target = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(Huber(delta=1e6).forward(output, target), MSE().forward(output, target) / 2)


def test_no_error_has_a_derivative_beyond_delta():
    loss = Huber(delta=0.5)
    loss.value(torch.tensor([[-1e30, 1e30]]), torch.zeros(1, 2))
    assert loss.derivative().tolist() == [[-0.5, 0.5]]
