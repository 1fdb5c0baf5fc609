"""Round r of many is the run of its own with that round's seed: its data, first weights, batches and losses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from minidl_core.data.batches import Batches
from minidl_core.runs import train
from minidl_core.seeding import round_seeds
from minidl_core.training import Training

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
BATCH = 10

every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(scope="module")
def run(report_model: str) -> Any:
    """The report's training, of as many epochs, rounds and points as are asked for."""

    def trained(n: int = 200, epochs: int = 12, **options: Any) -> Training:
        return train(
            report_model,
            f"disk(n={n})",
            loss="mse",
            optimizer="sgd(lr=0.1)",
            batch_size=BATCH,
            epochs=epochs,
            **options,
        )

    return trained


def values(training: Training) -> torch.Tensor:
    return training.trained.model.parameters.values


def assert_member(together: Training, r: int, alone: Training, tolerance: float) -> None:
    """Round r of `together` has the losses, the weights and the figures of `alone`."""
    torch.testing.assert_close(together.history[:, r], alone.history, rtol=0, atol=tolerance)
    torch.testing.assert_close(values(together)[r], values(alone), rtol=0, atol=1e3 * tolerance)
    assert together.test is not None
    assert alone.test is not None
    for ours, own in (together.train, alone.train), (together.test, alone.test):
        for metric, statistics in own.items():
            assert ours[metric].values[r] == pytest.approx(statistics.values[0], abs=1e3 * tolerance)


@every_dtype
def test_each_of_ten_rounds_has_the_losses_of_its_own_run(run: Any, dtype: str) -> None:
    together = run(rounds=10, dtype=dtype)
    assert together.history.shape == (12, 10)
    for r in range(10):
        assert_member(together, r, run(rounds=1, seed=r, dtype=dtype), TOLERANCE[dtype])


@pytest.mark.slow
def test_over_the_reports_whole_training_each_round_has_the_losses_of_its_own_run(run: Any) -> None:
    """In float64: on some processors a product of many rounds rounds otherwise, which 300 epochs of float32 amplify."""
    together = run(n=1000, epochs=300, rounds=10, dtype="float64")
    for r in range(10):
        alone = run(n=1000, epochs=300, rounds=1, seed=r, dtype="float64")
        torch.testing.assert_close(together.history[:, r], alone.history, rtol=0, atol=1e-9)


@every_dtype
def test_each_round_begins_with_the_weights_and_the_data_of_its_own_run(run: Any, dtype: str) -> None:
    together = run(epochs=1, rounds=3, seed=4, dtype=dtype, stop=lambda: True)
    for r, seed in enumerate([4, 5, 6]):
        alone = run(epochs=1, seed=seed, dtype=dtype, stop=lambda: True)
        for ours, own in (together.data.train, alone.data.train), (together.data.test, alone.data.test):
            assert torch.equal(ours.features[r], own.features)
            assert torch.equal(ours.target[r], own.target)
        first = together.trained.model.initialize([4, 5, 6], dtype=values(alone).dtype).parameters.values[r]
        assert torch.equal(first, alone.trained.model.initialize([seed], dtype=first.dtype).parameters.values)


def test_each_round_takes_the_batches_of_its_own_run(run: Any) -> None:
    together = run(epochs=1, rounds=3, seed=4)
    examples = together.trained.prepare(together.data.train)
    of_all = Batches(examples, BATCH, round_seeds(4, 3), (3,))
    for r, seed in enumerate([4, 5, 6]):
        alone = run(epochs=1, seed=seed)
        own = Batches(alone.trained.prepare(alone.data.train), BATCH, [seed], ())
        for epoch in range(3):
            for (x, t), (own_x, own_t) in zip(of_all.epoch(epoch), own.epoch(epoch), strict=True):
                assert torch.equal(x[r], own_x)
                assert torch.equal(t[r], own_t)


@every_dtype
def test_nine_and_ten_rounds_share_their_first_nine(run: Any, dtype: str) -> None:
    nine, ten = run(rounds=9, dtype=dtype), run(rounds=10, dtype=dtype)
    torch.testing.assert_close(nine.history, ten.history[:, :9], rtol=0, atol=TOLERANCE[dtype])
    torch.testing.assert_close(values(nine), values(ten)[:9], rtol=0, atol=1e3 * TOLERANCE[dtype])


def test_rounds_begin_at_the_seed_that_is_given(run: Any) -> None:
    from_two, from_three = run(rounds=3, seed=2, dtype="float64"), run(rounds=3, seed=3, dtype="float64")
    assert from_two.trained.seeds == (2, 3, 4)
    torch.testing.assert_close(from_two.history[:, 1:], from_three.history[:, :2], rtol=0, atol=1e-12)


def test_rounds_differ_from_each_other(run: Any) -> None:
    history = run(rounds=10, epochs=1).history
    assert len(set(history[0].tolist())) == 10


@pytest.mark.parametrize("classes", [("a", "b", "c"), None], ids=["classes", "values"])
def test_rounds_over_a_table_hold_out_standardize_and_learn_as_their_own_runs(table_of: Any, classes: Any) -> None:
    def trained(rounds: int, seed: int) -> Training:
        table = table_of(rows=50, classes=classes)
        model = "linear(_,4)-tanh-linear(4,_)"
        return train(model, table, epochs=5, batch_size=8, rounds=rounds, seed=seed, dtype="float64")

    together = trained(4, 0)
    for r in range(4):
        alone = trained(1, r)
        assert_member(together, r, alone, 1e-12)
        for name in "offset", "scale":
            ours, own = (getattr(training.trained.features, name) for training in (together, alone))
            assert torch.equal(ours[r], own)
        assert (together.trained.target is None) == (alone.trained.target is None) == (classes is not None)
        for name in ("mean", "std") if classes is None else ():
            ours, own = (getattr(training.trained.target, name) for training in (together, alone))
            torch.testing.assert_close(ours[r], own, rtol=1e-14, atol=0)


def test_rounds_over_one_test_table_share_all_rows(table_of: Any) -> None:
    table, test = table_of(rows=50), table_of(rows=20)

    def trained(rounds: int, seed: int) -> Training:
        return train("linear(_,_)", table, test=test, epochs=5, batch_size=8, rounds=rounds, seed=seed, dtype="float64")

    together = trained(3, 0)
    for r in range(3):
        assert_member(together, r, trained(1, r), 1e-12)
