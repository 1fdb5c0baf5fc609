"""What only the Gaussian likelihood does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.gaussian_nll import GaussianNLL


def test_the_best_variance_is_the_squared_error():
    target = torch.tensor([[1.0, -3.0]], dtype=torch.float64)
    output = torch.tensor([[3.0, math.log(4), -3.5, math.log(0.25)]], dtype=torch.float64)
    loss = GaussianNLL()
    assert loss.forward(output, target).item() == pytest.approx((math.log(4) + 1 + math.log(0.25) + 1) / 4)
    assert loss.backward()[0, 1::2].abs().max() < 1e-15


def test_in_full_it_is_the_log_likelihood():
    output, target = torch.randn(2, 5, 6, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    mean, log_variance = output[..., 0::2], output[..., 1::2]
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    torch.testing.assert_close(GaussianNLL(full=True).forward(output, target), -normal.log_prob(target).mean((-2, -1)))


def test_a_variance_below_eps_counts_as_eps_and_has_no_slope():
    output = torch.tensor([[2.0, -20.0]], dtype=torch.float64)
    target = torch.tensor([[1.0]], dtype=torch.float64)
    leaf = output.clone().requires_grad_()
    expected = torch.nn.GaussianNLLLoss(eps=1e-6)(leaf[:, :1], target, leaf[:, 1:].exp())
    expected.backward()
    loss = GaussianNLL(eps=1e-6)
    torch.testing.assert_close(loss.forward(output, target), expected.detach())
    found = loss.backward()
    torch.testing.assert_close(found[:, 0], leaf.grad[:, 0])
    assert found[0, 1] == 0
    assert leaf.grad[0, 1] < -1  # PyTorch's, of a value that does not change


def test_the_mean_is_predicted():
    output = torch.arange(24.0).view(2, 3, 4)
    assert torch.equal(GaussianNLL().predicted(output), output[..., [0, 2]])
    assert GaussianNLL().outputs_for(2) == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32", "64"])
def test_log_variances_of_ten_thousand_are_finite(dtype):
    output = torch.cartesian_prod(*[torch.tensor([-1e4, 0.0, 1e4], dtype=dtype)] * 2)
    loss = GaussianNLL()
    assert loss.forward(output, torch.ones(9, 1, dtype=dtype)).isfinite()
    assert loss.backward().isfinite().all()


def test_the_standard_deviation_is_said_and_never_below_that_of_eps():
    mean, std = GaussianNLL(eps=0.25).predictions(torch.tensor([[7.0, math.log(9), -1.0, -50.0]]))
    assert (mean.name, std.name, mean.is_distance, std.is_distance) == ("", "std", False, True)
    assert std.values[0].tolist() == pytest.approx([3, 0.5])
