"""The report's own calls: train_model_SGD gives a loss an epoch, and accuracy the share of rows that are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from minidl_core.data import Disk
from minidl_core.errors import RequestError, ShapeError
from minidl_core.losses import MAE
from minidl_core.nn import Linear, ReLU, Sequential
from minidl_core.seeding import generator
from minidl_core.spec import build_model
from minidl_core.training import accuracy, train_model_SGD


def example(classes: int = 2) -> tuple[Tensor, Tensor]:
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    return x, (x.sum(-1) * 3).long().abs() % classes


def network(outputs: int = 2, rounds: int = 1, dtype: torch.dtype = torch.float32) -> Sequential:
    return build_model(f"linear(2,8)-tanh-linear(8,{outputs})").initialize(list(range(rounds)), dtype=dtype)


def losses_of(target: Tensor, outputs: int = 2, **options: Any) -> list[Any]:
    torch.manual_seed(0)
    return train_model_SGD(network(outputs), example()[0], target, nb_epoch=4, **options)


def test_the_reports_own_example_learns_the_disk() -> None:
    table = Disk().sample(generator(0, "data", "train"))
    x = (table.features - table.features.mean(0)) / table.features.std(0)
    torch.manual_seed(0)
    model = Sequential(Linear(2, 25), ReLU(), Linear(25, 25), ReLU(), Linear(25, 2))
    losses = train_model_SGD(model, x, table.target, 50, 10, 0.1, "mse")
    assert len(losses) == 50
    assert losses[-1] < losses[0] / 3
    assert accuracy(model, x, table.target) > 0.95


def test_there_is_one_loss_an_epoch_a_plain_number() -> None:
    losses = losses_of(example()[1])
    assert len(losses) == 4
    assert all(isinstance(loss, float) for loss in losses)


def test_a_model_of_three_rounds_has_three_losses_an_epoch() -> None:
    torch.manual_seed(0)
    losses = train_model_SGD(network(rounds=3), *example(), nb_epoch=4)
    assert [len(epoch) for epoch in losses] == [3] * 4


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_seed_of_torch_repeats_a_training(rounds: int) -> None:
    def trained(seed: int) -> tuple[list[Any], Tensor]:
        model = network(rounds=rounds)
        torch.manual_seed(seed)
        return train_model_SGD(model, *example(), nb_epoch=4), model.parameters.values

    first, again, other = trained(1), trained(1), trained(2)
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    assert first[0] != other[0]


def test_a_second_training_goes_on_from_the_first_ones_weights() -> None:
    torch.manual_seed(0)
    model = network()
    first = train_model_SGD(model, *example(), nb_epoch=20)
    second = train_model_SGD(model, *example(), nb_epoch=1)
    assert second[0] < first[0] / 1.1


def test_labels_and_one_hot_targets_of_any_dtype_train_alike() -> None:
    _, labels = example()
    expected = losses_of(labels)
    one_hot = torch.nn.functional.one_hot(labels)
    for target in labels.int(), labels.bool(), one_hot, one_hot.float(), one_hot.double():
        assert losses_of(target) == expected


def test_a_single_output_takes_labels_as_0_and_1() -> None:
    _, labels = example()
    assert losses_of(labels, outputs=1) == losses_of(labels.unsqueeze(-1).float(), outputs=1)


def test_values_are_trained_on_as_they_are() -> None:
    x, _ = example()
    target = torch.stack([x.sum(-1), x.prod(-1)], -1)
    losses = losses_of(target, lr=0.2)
    assert losses[-1] < losses[0]


def test_the_loss_is_a_name_a_spec_or_a_loss() -> None:
    _, labels = example()
    assert losses_of(labels, loss="mae") == losses_of(labels, loss=MAE())
    assert losses_of(labels, loss="mae") != losses_of(labels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_model_decides_the_precision(dtype: torch.dtype) -> None:
    model = network(dtype=dtype)
    x, labels = example()
    train_model_SGD(model, x.double(), labels, nb_epoch=1)
    assert model.parameters.values.dtype == dtype


def test_input_and_target_are_left_as_they_were() -> None:
    x, labels = example()
    before = x.clone(), labels.clone()
    train_model_SGD(network(), x, labels, nb_epoch=2)
    assert torch.equal(x, before[0])
    assert torch.equal(labels, before[1])


def test_no_epochs_are_no_losses() -> None:
    assert train_model_SGD(network(), *example(), nb_epoch=0) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mini_batch_size": 0}, "batch_size must be a whole number, at least 1, got 0"),
        ({"mini_batch_size": -3}, "batch_size must be a whole number, at least 1, got -3"),
        ({"nb_epoch": -1}, "epochs must be 0 or greater, got -1"),
        ({"lr": 0.0}, "lr must be greater than 0"),
        ({"loss": "mes"}, "did you mean 'mse'"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        train_model_SGD(network(), *example(), **options)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (torch.zeros(39, 2), r"features \[40, 2\] and target \[39, 2\]"),
        (torch.zeros(41, 2), r"features \[40, 2\] and target \[41, 2\]"),
        (torch.zeros(39).long(), r"features \[40, 2\] and target \[39"),
        (torch.zeros(40, 3), r"output \[10, 2\] and target \[10, 3\]"),
        (torch.zeros(40), r"output \[10, 2\] and target \[10\]"),
    ],
)
def test_a_target_that_does_not_fit_is_refused_with_both_shapes(target: Tensor, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        train_model_SGD(network(), example()[0], target)


def test_accuracy_is_the_share_of_rows_whose_greatest_output_is_their_class() -> None:
    model = build_model("linear(2,3,bias=false)").initialize([0])
    model.parameters.values.copy_(torch.tensor([1.0, 0.0, -1.0, 0.0, 1.0, -1.0]))
    # The outputs are x, y, and -(x + y).
    x = torch.tensor([[2.0, 1.0], [1.0, 2.0], [-1.0, -1.0], [3.0, 0.0]])
    assert accuracy(model, x, torch.tensor([0, 1, 2, 0])) == 1
    assert accuracy(model, x, torch.tensor([0, 1, 0, 2])) == 0.5
    assert accuracy(model, x, torch.eye(3)[[0, 1, 0, 2]]) == 0.5
    assert accuracy(model, x, torch.eye(3)[[0, 1, 0, 2]].bool()) == 0.5
    assert accuracy(model, x.double(), torch.tensor([1, 0, 0, 2])) == 0


def test_accuracy_of_a_single_output_asks_whether_it_is_above_the_threshold() -> None:
    model = build_model("linear(1,1,bias=false)").initialize([0])
    model.parameters.values.fill_(1.0)
    x = torch.tensor([[0.4], [0.6], [-1.0], [2.0]])
    assert accuracy(model, x, torch.tensor([0, 1, 0, 0])) == 0.75
    assert accuracy(model, x, torch.tensor([[0], [1], [0], [0]])) == 0.75
    assert accuracy(model, x, torch.tensor([[False], [True], [False], [False]])) == 0.75
    assert accuracy(model, torch.tensor([[0.5]]), torch.tensor([0])) == 1, "on the threshold it is class 0"
    # A model of logits decides at 0, and its targets are 0 and 1 still.
    assert accuracy(model, x - 0.5, torch.tensor([[0.0], [1.0], [0.0], [0.0]]), threshold=0) == 0.75
    assert accuracy(model, x, torch.tensor([1, 1, 0, 1]), threshold=0) == 1


@pytest.mark.parametrize("own_rows", [False, True])
def test_accuracy_of_rounds_is_that_of_each(own_rows: bool) -> None:
    model = network(rounds=3)
    x = torch.randn(3, 40, 2) if own_rows else torch.randn(40, 2)
    labels = torch.randint(2, x.shape[:-1])
    output = model.forward(x)
    expected = [
        sum(int(output[r, row].argmax()) == int(labels[(r, row) if own_rows else row]) for row in range(40)) / 40
        for r in range(3)
    ]
    assert accuracy(model, x, labels) == pytest.approx(expected)
    assert accuracy(model, x, torch.nn.functional.one_hot(labels, 2)) == pytest.approx(expected)


def test_accuracy_refuses_another_number_of_rows() -> None:
    with pytest.raises(ShapeError, match=r"\[40, 2\].*\[39\]"):
        accuracy(network(), example()[0], example()[1][:39])
