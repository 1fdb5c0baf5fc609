"""What only the Kullback-Leibler divergence does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.cross_entropy import CrossEntropy
from minidl_extra_losses.kl_divergence import KLDivergence

from minidl_core.errors import ShapeError


def test_from_itself_a_distribution_diverges_by_nothing():
    log_p = torch.randn(2, 4, 3, dtype=torch.float64).log_softmax(-1)
    for loss, target in (KLDivergence(), log_p.exp()), (KLDivergence(log_target=True), log_p):
        torch.testing.assert_close(loss.forward(log_p, target), torch.zeros(2, dtype=torch.float64))


def test_a_probability_of_zero_counts_nothing_even_where_the_output_is_its_logarithm():
    output = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64).log()
    loss = KLDivergence()
    assert loss.forward(output, torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)).item() == pytest.approx(
        math.log(2)
    )
    assert loss.backward()[0].tolist() == pytest.approx([-1, 0, 0])


@pytest.mark.parametrize("log_target", [False, True])
def test_over_labels_it_is_the_cross_entropy_of_the_logits(log_target):
    logits, labels = torch.randn(2, 5, 3, dtype=torch.float64), torch.randint(3, (2, 5))
    loss = KLDivergence(log_target=log_target)
    expected = CrossEntropy()
    torch.testing.assert_close(loss.forward(logits.log_softmax(-1), labels), expected.forward(logits, labels))
    torch.testing.assert_close(
        loss.probabilities(logits.log_softmax(-1)), expected.probabilities(logits), rtol=1e-12, atol=0
    )


def test_a_model_with_one_output_is_refused_for_labels():
    loss = KLDivergence()
    for call in (
        lambda: loss.forward(torch.randn(2, 1), torch.tensor([0, 1])),
        lambda: loss.encode(torch.tensor([0, 1]), 1, torch.float32),
        lambda: loss.probabilities(torch.randn(2, 1)),
    ):
        with pytest.raises(ShapeError, match=r"log-probability for each class, the model has 1 output; .*log_softmax"):
            call()


def test_predictions_are_what_targets_are():
    log_p = torch.randn(2, 4, 3, dtype=torch.float64).log_softmax(-1)
    for loss, target in (KLDivergence(), log_p.exp()), (KLDivergence(log_target=True), log_p):
        torch.testing.assert_close(loss.predicted(log_p), target)


def test_target_probabilities_are_not_standardized_in_a_training():
    assert not KLDivergence.scales_target
