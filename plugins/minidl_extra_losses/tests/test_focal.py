"""What only the focal loss does."""

from __future__ import annotations

import math

import pytest
import torch
from minidl_extra_losses.binary_cross_entropy import BinaryCrossEntropy
from minidl_extra_losses.focal import Focal

from minidl_core.errors import ShapeError


def sigmoid_focal(y, t, gamma, alpha):
    """Equation 5 of the paper for a logit of class 1, by autograd; `alpha` of each class."""
    p_t = torch.where(t == 1, y.sigmoid(), (-y).sigmoid()).squeeze(-1)
    weight = torch.tensor(alpha, dtype=y.dtype)[t.squeeze(-1)]
    return -(weight * (1 - p_t) ** gamma * p_t.log()).mean()


@pytest.mark.parametrize(("gamma", "alpha"), [(2, [1, 1]), (0.5, [0.75, 0.25]), (0, [1, 3])], ids=str)
def test_a_single_output_is_the_logit_of_class_one(gamma, alpha):
    output = torch.randn(6, 1, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    expected = sigmoid_focal(output, labels.unsqueeze(-1), gamma, alpha)
    expected.backward()
    loss = Focal(gamma, alpha)
    torch.testing.assert_close(loss.forward(output.detach(), labels), expected.detach())
    torch.testing.assert_close(loss.backward(), output.grad)


def test_a_single_output_without_gamma_is_as_in_binary_cross_entropy():
    output, labels = 5 * torch.randn(3, 6, 1, dtype=torch.float64), torch.randint(2, (3, 6))
    loss, expected = Focal(gamma=0), BinaryCrossEntropy()
    torch.testing.assert_close(loss.forward(output, labels), expected.forward(output, labels))
    torch.testing.assert_close(loss.backward(), expected.backward())
    torch.testing.assert_close(loss.probabilities(output), expected.probabilities(output))
    assert torch.equal(loss.scores(output), expected.scores(output))


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1, 2])
@pytest.mark.parametrize("ahead", [20.0, 50.0, 300.0])
def test_rows_that_are_right_with_certainty_keep_their_digits(gamma, ahead):
    # With q = 1 - p -> 0 the loss is q^(1 + gamma), and its derivative by the right logit -(1 + gamma) q^(1 + gamma).
    loss = Focal(gamma)
    value = loss.forward(torch.tensor([[ahead, 0.0]], dtype=torch.float64), torch.tensor([0])).item()
    expected = math.exp(-ahead) ** (1 + gamma)
    assert value == pytest.approx(expected, rel=1e-7, abs=0)
    assert loss.backward()[0].tolist() == pytest.approx(
        [-(1 + gamma) * expected, (1 + gamma) * expected], rel=1e-7, abs=0
    )


@pytest.mark.parametrize("gamma", [0, 0.1, 1, 2])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32", "64"])
def test_at_extreme_logits_the_slope_is_zero_or_one(gamma, outputs, dtype):
    output = torch.tensor([[1e5], [-1e5]] if outputs == 1 else [[-5e4, 5e4], [5e4, -5e4]], dtype=dtype)
    loss = Focal(gamma)
    assert loss.forward(output, torch.tensor([1, 0])) <= 1e-30
    assert loss.backward().abs().max() <= 1e-30
    assert loss.forward(output, torch.tensor([0, 1])) == 1e5
    assert loss.backward().abs().tolist() == [[0.5] * outputs] * 2


def test_the_mean_divides_by_the_rows_and_not_by_the_alphas():
    output, labels = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 1])
    torch.testing.assert_close(
        Focal(alpha=[3, 3, 3]).forward(output, labels), 3 * Focal().forward(output, labels), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(("outputs", "count"), [(1, 3), (1, 1), (3, 2)])
def test_alphas_for_another_number_of_classes_are_refused(outputs, count):
    """When it is called, and in a training before the first step."""
    loss, labels = Focal(alpha=[1] * count), torch.tensor([0, 1])
    for call in (
        lambda: loss.forward(torch.randn(2, outputs), labels),
        lambda: loss.encode(labels, outputs, torch.float32),
    ):
        with pytest.raises(
            ShapeError, match=f"alpha has {count} numbers, and the model is of {max(outputs, 2)} classes"
        ):
            call()
