"""What only the binary cross entropy does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.binary_cross_entropy import BinaryCrossEntropy

from minidl_core.errors import ShapeError


def test_a_logit_of_zero_loses_log_two():
    loss = BinaryCrossEntropy()
    assert loss.forward(torch.zeros(2, 1), torch.tensor([0, 1])).item() == pytest.approx(math.log(2))
    assert loss.backward().flatten().tolist() == [0.25, -0.25]


@pytest.mark.parametrize("rounds", [(), (3,)], ids=str)
def test_labels_of_a_single_output_are_zeros_and_ones(rounds):
    output = torch.randn(*rounds, 6, 1, dtype=torch.float64)
    labels = torch.randint(2, (*rounds, 6))
    loss = BinaryCrossEntropy(pos_weight=2)
    from_labels = loss.forward(output, labels), loss.backward()
    assert torch.equal(loss.forward(output, labels.unsqueeze(-1).double()), from_labels[0])
    assert torch.equal(loss.backward(), from_labels[1])


def test_a_label_of_two_needs_more_than_a_single_output():
    with pytest.raises(ShapeError, match="labels from 0 to 2"):
        BinaryCrossEntropy().forward(torch.zeros(2, 1), torch.tensor([0, 2]))


def test_a_single_logit_means_class_one_above_zero():
    scores = BinaryCrossEntropy().scores(torch.tensor([[-0.1], [0.0], [0.1], [0.4]]))
    assert scores.argmax(-1).tolist() == [0, 0, 1, 1]


def test_pos_weight_is_how_often_a_row_of_class_one_counts_before_the_mean():
    output, labels = torch.randn(4, 1, dtype=torch.float64), torch.tensor([1, 0, 1, 0])
    both = BinaryCrossEntropy(pos_weight=3).forward(output, labels)
    times = torch.tensor([3, 1, 3, 1])
    repeated = BinaryCrossEntropy().forward(output.repeat_interleave(times, 0), labels.repeat_interleave(times))
    torch.testing.assert_close(both, repeated * 8 / 4)


def test_tiny_losses_keep_their_digits():
    loss = BinaryCrossEntropy()
    for sign, label in (-1.0, 0), (1.0, 1):
        value = loss.forward(torch.tensor([[sign * 60.0]], dtype=torch.float64), torch.tensor([label]))
        assert value.item() == pytest.approx(math.exp(-60), rel=1e-12)
