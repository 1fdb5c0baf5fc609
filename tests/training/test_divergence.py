"""A training that diverges says exactly where, and keeps the last weights that were good."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.errors import DivergedError
from minidl_core.losses import MSE
from minidl_core.nn import Sequential
from minidl_core.optim import SGD
from minidl_core.runs import train
from minidl_core.spec import build_model

# With x = 1, t = 0 and this rate, a step multiplies the weight by 1 - 2 lr = -1e10. From w = 1 the loss w² of step k
# is 10^(20 (k - 1)), and leaves the range of float64, 1.8e308, at step 17.
LR = (1 + 1e10) / 2
FIRST_BAD_STEP = 17


def one_weight(seeds: list[int]) -> Sequential:
    model = build_model("linear(1,1,bias=false)").initialize(seeds, dtype=torch.float64)
    model.parameters.values.fill_(1.0)
    return model


def diverged(model: Sequential, x: Tensor, *, epochs: int = 10, batch_size: int = 1, lr: float = LR) -> DivergedError:
    from minidl_core.training import fit

    examples, seeds = Examples(x, torch.zeros_like(x)), list(range(len(x) if x.dim() == 3 else 1))
    with pytest.raises(DivergedError) as error:
        fit(model, examples, MSE(), SGD(lr), epochs=epochs, batch_size=batch_size, seeds=seeds)
    return error.value


@pytest.mark.parametrize("rows", [1, 4, 6, 16, 17, 40])
def test_the_epoch_and_the_step_are_named_exactly(rows: int) -> None:
    model = one_weight([0])
    error = diverged(model, torch.ones(rows, 1, dtype=torch.float64), epochs=30)
    epochs_before, steps_before = divmod(FIRST_BAD_STEP - 1, rows)
    assert (error.epoch, error.step) == (epochs_before + 1, steps_before + 1)
    assert f"the loss became infinite in epoch {error.epoch}, step {error.step} of {rows};" in str(error)
    assert f"the model keeps its weights from the end of epoch {epochs_before}" in str(error)


@pytest.mark.parametrize("rows", [1, 4, 6, 16, 17, 40])
def test_the_weights_of_the_last_good_epoch_are_kept(rows: int) -> None:
    model = one_weight([0])
    error = diverged(model, torch.ones(rows, 1, dtype=torch.float64), epochs=30)
    good_steps = (error.epoch - 1) * rows
    assert model.parameters.values.item() == pytest.approx((-1e10) ** good_steps, rel=1e-9)
    assert model.forward(torch.ones(1, 1, dtype=torch.float64)).isfinite().all()


def test_the_losses_of_the_good_epochs_are_kept() -> None:
    error = diverged(one_weight([0]), torch.ones(6, 1, dtype=torch.float64))
    expected = [sum(1e20 ** (6 * epoch + k) for k in range(6)) / 6 for epoch in range(2)]
    assert error.history.tolist() == pytest.approx(expected, rel=1e-9)


def test_the_rounds_that_diverged_are_named_and_the_others_are_set_back_with_them() -> None:
    model = one_weight([0, 1, 2])
    x = torch.ones(3, 6, 1, dtype=torch.float64)
    x[1] = 1e-6  # its factor, 1 - 2 lr 1e-12 = 0.99, lets it converge
    error = diverged(model, x)
    assert error.rounds == [1, 3]
    assert (error.epoch, error.step) == (3, 5)
    assert "in rounds 1, 3 of 3 (seeds " in str(error)
    expected = torch.tensor([[1e120], [0.99**12], [1e120]], dtype=torch.float64)
    torch.testing.assert_close(model.parameters.values, expected, rtol=1e-9, atol=0)


def test_weights_that_leave_the_range_after_the_last_loss_are_found() -> None:
    model = one_weight([0])
    error = diverged(model, torch.ones(1, 1, dtype=torch.float64), epochs=1, lr=1e308)
    assert (error.epoch, error.step) == (1, 1)
    assert "the weights became NaN or infinite in epoch 1, step 1 of 1" in str(error)
    assert model.parameters.values.item() == 1


@pytest.mark.parametrize("batch_size", [1, 3])
def test_nan_in_the_data_is_found_at_the_step_that_meets_it(batch_size: int) -> None:
    x = torch.ones(2, 10, 1, dtype=torch.float64)
    x[1, 4] = torch.nan
    order = Batches(Examples(x, x), batch_size, [0, 1], (2,)).order(0)[1] - 10
    error = diverged(one_weight([0, 1]), x, batch_size=batch_size, lr=0.1)
    assert (error.epoch, error.step) == (1, order.tolist().index(4) // batch_size + 1)
    assert error.rounds == [2]
    assert str(error).startswith("the loss became NaN in epoch 1, ")
    assert str(error).endswith(
        "Some of the features, targets or weights are NaN or infinite: correct or remove those rows"
    )


@pytest.mark.parametrize("rounds", [1, 3])
def test_train_gives_what_there_was_before(rounds: int) -> None:
    with pytest.raises(DivergedError, match="Try a smaller learning rate first") as caught:
        train(
            "linear(2,2)",
            "disk(n=40)",
            loss="mse",
            optimizer="sgd(lr=1e10)",
            epochs=50,
            batch_size=10,
            rounds=rounds,
        )
    error = caught.value
    training = error.training
    assert training is not None
    assert training.interrupted
    assert training.epochs == error.epoch - 1 == len(error.history)
    assert training.history.isfinite().all()
    assert training.trained.model.parameters.values.isfinite().all()
    assert set(training.train) == {"loss", "accuracy"}
    assert training.test is not None
    assert len(training.test["accuracy"].values) == rounds


def test_diverging_at_once_leaves_the_first_weights() -> None:
    with pytest.raises(DivergedError) as caught:
        train(
            "linear(2,2)",
            "disk(n=40)",
            loss="mse",
            optimizer="sgd(lr=1e300)",
            epochs=5,
            rounds=2,
            seed=7,
            dtype="float64",
        )
    training = caught.value.training
    assert training is not None
    assert training.epochs == 0
    first = build_model("linear(2,2)").initialize([7, 8], dtype=torch.float64)
    assert torch.equal(training.trained.model.parameters.values, first.parameters.values)
