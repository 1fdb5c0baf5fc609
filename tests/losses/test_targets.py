"""What a loss takes as a target: values of the output's shape, or class labels; anything else is refused by shape."""

from __future__ import annotations

import pytest
import torch

from minidl_core.errors import ShapeError
from minidl_core.losses import MAE, MSE, Loss, encode_labels, is_labels

LOSSES = [MSE, MAE]
every_loss = pytest.mark.parametrize("loss_class", LOSSES)


@every_loss
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
@pytest.mark.parametrize("rounds", [(), (2,)], ids=str)
def test_labels_mean_one_hot_targets(loss_class: type[Loss], dtype: torch.dtype, rounds: tuple[int, ...]) -> None:
    labels = torch.randint(4, (*rounds, 6), generator=torch.Generator().manual_seed(0))
    output = torch.randn(*rounds, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    by_labels, by_values = loss_class(), loss_class()
    expected = by_values.forward(output, torch.nn.functional.one_hot(labels, 4).double())
    assert torch.equal(by_labels.forward(output, labels.to(dtype)), expected)
    assert torch.equal(by_labels.backward(), by_values.backward())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_labels_are_encoded_as_torch_does(dtype: torch.dtype) -> None:
    labels = torch.tensor([[2, 0], [1, 2]])
    found = encode_labels(labels, 3, dtype)
    assert found.dtype == dtype
    assert torch.equal(found, torch.nn.functional.one_hot(labels, 3).to(dtype))


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 1]), torch.tensor([False, True, True])])
def test_labels_of_a_single_output_are_0_and_1(labels: torch.Tensor) -> None:
    assert encode_labels(labels, 1, torch.float64).tolist() == [[0.0], [1.0], [1.0]]


def test_true_and_false_are_labels_too() -> None:
    output = torch.tensor([[0.2, 0.8], [0.5, 0.5]], dtype=torch.float64)
    expected = MSE().forward(output, torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64))
    assert torch.equal(MSE().forward(output, torch.tensor([True, False])), expected)


def test_whole_values_of_the_outputs_shape_are_values() -> None:
    output = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    assert not is_labels(output, torch.ones(2, 2, dtype=torch.int64))
    assert MSE().forward(output, torch.ones(2, 2, dtype=torch.int64)) == (1 + 0 + 1 + 16) / 4


@pytest.mark.parametrize(
    ("labels", "outputs", "words"),
    [
        ([0, 3], 3, "labels from 0 to 3 need 4 outputs, the model has 3"),
        ([0, 2], 1, "labels from 0 to 2 need 3 outputs, the model has 1"),
        ([0, -1], 3, "labels from -1 to 0: labels count from 0"),
        ([-5, 9], 2, "labels from -5 to 9: labels count from 0"),
    ],
)
def test_labels_without_an_output_are_refused_with_their_range(labels: list[int], outputs: int, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        encode_labels(torch.tensor(labels), outputs, torch.float32)


@every_loss
def test_no_labels_at_all_are_no_error(loss_class: type[Loss]) -> None:
    loss = loss_class()
    assert loss.forward(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == 0
    assert loss.backward().shape == (0, 3)


@every_loss
@pytest.mark.parametrize(
    ("output", "target"),
    [
        ((5, 3), (5, 1)),
        ((5, 3), (1, 3)),
        ((5, 3), (3,)),
        ((5, 3), (5,)),
        ((5, 3), (4, 3)),
        ((5, 3), (2, 5, 3)),
        ((2, 5, 3), (5, 3)),
        ((5, 1), (5,)),
        ((5,), (5,)),
        ((), ()),
    ],
)
def test_values_of_another_shape_are_refused_with_both_shapes(
    loss_class: type[Loss], output: tuple[int, ...], target: tuple[int, ...]
) -> None:
    with pytest.raises(ShapeError) as refused:
        loss_class().forward(torch.zeros(output), torch.zeros(target))
    assert f"output {list(output)} and target {list(target)}" in str(refused.value)


@every_loss
@pytest.mark.parametrize("shape", [(4,), (5, 3), (2, 5), ()])
def test_labels_of_another_shape_are_refused_with_both_shapes(loss_class: type[Loss], shape: tuple[int, ...]) -> None:
    labels = torch.zeros(shape, dtype=torch.int64)
    output = torch.zeros(5, 2) if shape == (5, 3) else torch.zeros(5, 3)
    with pytest.raises(ShapeError) as refused:
        loss_class().forward(output, labels)
    assert f"output {list(output.shape)} and target {list(shape)}" in str(refused.value)


@every_loss
@pytest.mark.parametrize("shape", [(4,), (5, 1), (1,), (3,), (2, 5), ()])
def test_sample_weights_of_another_shape_are_refused_with_both_shapes(
    loss_class: type[Loss], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ShapeError) as refused:
        loss_class().forward(torch.zeros(5, 3), torch.zeros(5, 3), torch.ones(shape))
    assert f"sample_weight {list(shape)}" in str(refused.value)
    assert "[5]" in str(refused.value)
