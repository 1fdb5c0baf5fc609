"""What only the cross entropy does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.cross_entropy import CrossEntropy

from minidl_core.errors import ShapeError


def test_equal_logits_lose_the_logarithm_of_the_number_of_classes():
    loss = CrossEntropy()
    assert loss.forward(torch.full((2, 5), 3.0), torch.tensor([0, 4])).item() == pytest.approx(math.log(5))
    assert loss.backward()[0].tolist() == pytest.approx([-0.4, 0.1, 0.1, 0.1, 0.1])


def test_a_constant_added_to_all_logits_changes_nothing():
    output, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    torch.testing.assert_close(CrossEntropy().forward(output + 100, labels), CrossEntropy().forward(output, labels))


def test_a_class_of_weight_zero_is_left_out():
    output, labels = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])
    loss = CrossEntropy(weight=[1, 0, 1])
    torch.testing.assert_close(
        loss.forward(output, labels), CrossEntropy().forward(output[labels != 1], labels[labels != 1])
    )
    assert torch.equal(loss.backward()[labels == 1], torch.zeros(2, 3, dtype=torch.float64))


def test_rows_that_all_weigh_nothing_have_no_mean_as_in_pytorch():
    output, labels = torch.randn(2, 3), torch.tensor([1, 1])
    assert torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.0, 1.0]))(output, labels).isnan()
    assert CrossEntropy(weight=[1, 0, 1]).forward(output, labels).isnan()


def test_probabilities_that_do_not_sum_to_one_are_taken_as_they_are():
    output = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    target = 2 * torch.rand(4, 3, dtype=torch.float64)
    expected = torch.nn.CrossEntropyLoss()(output, target)
    expected.backward()
    loss = CrossEntropy()
    torch.testing.assert_close(loss.forward(output.detach(), target), expected.detach())
    torch.testing.assert_close(loss.backward(), output.grad)


def test_targets_of_another_type_do_not_change_that_of_the_gradient():
    loss = CrossEntropy(label_smoothing=0.1)
    for target in torch.eye(3, dtype=torch.float64), torch.eye(3, dtype=torch.long):
        assert loss.forward(torch.zeros(3, 3), target).dtype == torch.float32
        assert loss.backward().dtype == torch.float32


def test_as_many_rows_as_classes_are_not_mistaken():
    output = torch.randn(3, 3, dtype=torch.float64)
    labels = torch.tensor([2, 0, 1])
    torch.testing.assert_close(CrossEntropy().forward(output, labels), torch.nn.CrossEntropyLoss()(output, labels))


@pytest.mark.parametrize("target", [torch.tensor([0, 1]), torch.tensor([[0.5, 0.2, 0.3]] * 2)], ids=["labels", "p"])
def test_a_weight_for_another_number_of_classes_is_refused(target):
    with pytest.raises(ShapeError, match="weight has 2 numbers, and the model is of 3 classes"):
        CrossEntropy(weight=[1, 2]).forward(torch.randn(2, 3), target)
