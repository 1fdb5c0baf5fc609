"""What only the negative log-likelihood of classes does."""

from __future__ import annotations

import pytest
import torch
from minidl_extra_losses.cross_entropy import CrossEntropy
from minidl_extra_losses.nll import NLL

from minidl_core.errors import ShapeError


@pytest.mark.parametrize("weight", [None, [0.5, 2, 1]], ids=str)
def test_of_log_softmax_it_is_the_cross_entropy(weight):
    logits, labels = torch.randn(2, 5, 3, dtype=torch.float64), torch.randint(3, (2, 5))
    sample_weight = torch.rand(2, 5, dtype=torch.float64)
    expected, found = CrossEntropy(weight=weight), NLL(weight)
    value = found.forward(logits.log_softmax(-1), labels, sample_weight)
    torch.testing.assert_close(value, expected.forward(logits, labels, sample_weight))
    torch.testing.assert_close(
        found.probabilities(logits.log_softmax(-1)), expected.probabilities(logits), rtol=1e-12, atol=0
    )


def test_a_class_that_is_impossible_costs_nothing_where_it_is_not_the_label():
    loss = NLL()
    assert loss.forward(torch.tensor([[0.0, -torch.inf]]), torch.tensor([0])) == 0
    assert loss.backward().tolist() == [[-1, 0]]


def test_rows_that_all_weigh_nothing_have_no_mean_as_in_pytorch():
    output, labels = torch.randn(2, 3), torch.tensor([1, 1])
    assert torch.nn.NLLLoss(weight=torch.tensor([1.0, 0.0, 1.0]))(output, labels).isnan()
    assert NLL(weight=[1, 0, 1]).forward(output, labels).isnan()


def test_a_weight_for_another_number_of_classes_is_refused():
    with pytest.raises(ShapeError, match="weight has 2 numbers, and the model is of 3 classes"):
        NLL(weight=[1, 2]).forward(torch.randn(2, 3), torch.tensor([0, 1]))
