"""What only the Poisson likelihood does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.poisson_nll import PoissonNLL


def test_the_best_rate_is_the_count():
    counts = torch.tensor([[0.0, 1.0, 7.0]], dtype=torch.float64)
    rates = PoissonNLL(log_input=False, eps=1e-12)
    rates.forward(counts + 1e-3, counts)
    assert rates.backward()[0, 1:].abs().max() < 1e-3
    logarithms = PoissonNLL()
    logarithms.forward(counts[:, 1:].log(), counts[:, 1:])
    assert logarithms.backward().abs().max() < 1e-12


@pytest.mark.parametrize("count", [5, 20, 100])
def test_in_full_it_is_nearly_the_whole_log_likelihood(count):
    log_rate, target = torch.tensor([[1.3]], dtype=torch.float64), torch.tensor([[count]], dtype=torch.float64)
    value = PoissonNLL(full=True).forward(log_rate, target).item()
    exact = math.exp(1.3) - 1.3 * count + math.lgamma(count + 1)
    assert value == pytest.approx(exact, abs=1 / (11 * count))


def test_counts_that_are_integers_are_taken_in_the_precision_of_the_outputs():
    output, counts = torch.randn(4, 2, dtype=torch.float64), torch.tensor([[0, 3], [1, 2], [9, 0], [1, 1]])
    loss = PoissonNLL(full=True)
    found = loss.forward(output, counts)
    assert found.dtype == torch.float64
    assert found == loss.forward(output, counts.double())


@pytest.mark.parametrize("log_input", [True, False])
def test_a_rate_is_predicted(log_input):
    output = torch.rand(2, 3, 1)
    expected = output.exp() if log_input else output
    assert torch.equal(PoissonNLL(log_input=log_input).predicted(output), expected)


def test_a_rate_of_zero_has_a_loss_and_a_gradient():
    loss = PoissonNLL(log_input=False)
    assert loss.forward(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])).isfinite()
    assert loss.backward().isfinite().all()


def test_far_below_zero_nothing_overflows():
    loss = PoissonNLL()
    assert loss.forward(torch.tensor([[-1e4, 80.0]]), torch.tensor([[2.0, 0.0]])).isfinite()
    assert loss.backward().isfinite().all()


def test_counts_are_not_standardized_in_a_training():
    assert not PoissonNLL.scales_target
