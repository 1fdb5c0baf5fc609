"""What only the log-cosh loss does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.log_cosh import LogCosh


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-2), (torch.float64, 1e-9)], ids=["32", "64"])
def test_small_errors_keep_their_digits(dtype, tolerance):
    for error in 1e-3, -1e-4, 1e-5:
        value = LogCosh().forward(torch.tensor([[error]], dtype=dtype), torch.zeros(1, 1, dtype=dtype))
        assert value.item() == pytest.approx(error**2 / 2 - error**4 / 12, rel=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32", "64"])
def test_it_is_never_negative(dtype):
    error = torch.cat([torch.zeros(1, 1), torch.logspace(-30, 30, 5000).unsqueeze(-1)]).to(dtype)
    assert (LogCosh().value(error, torch.zeros_like(error)) >= 0).all()


def test_far_out_it_is_the_distance_less_log_two():
    loss = LogCosh()
    value = loss.value(torch.tensor([[-50.0, 1e30]], dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64))
    assert value.tolist() == [[50 - math.log(2), 1e30]]
    assert loss.derivative().tolist() == [[-1.0, 1.0]]
