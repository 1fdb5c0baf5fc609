"""Batches: every row once an epoch, in an order that the round's seed and the epoch alone decide."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl_core.data.batches import Batches
from minidl_core.data.rounds import Examples
from minidl_core.errors import RequestError, ShapeError
from minidl_core.seeding import generator


def numbered(rows: int, rounds: int | None = None) -> Examples:
    """Rows whose only feature is their number, plus a thousand for each round; the target is its negative."""
    features = torch.arange(rows, dtype=torch.float64).unsqueeze(-1)
    if rounds is not None:
        features = features + 1000 * torch.arange(rounds).reshape(-1, 1, 1)
    return Examples(features, -features)


@settings(deadline=None, max_examples=60)
@given(rows=st.integers(1, 40), batch_size=st.integers(1, 50), epoch=st.integers(0, 1000), seed=st.integers())
def test_every_row_comes_once_an_epoch(rows: int, batch_size: int, epoch: int, seed: int) -> None:
    batches = Batches(numbered(rows), batch_size, [seed], ())
    inputs = [x for x, _ in batches.epoch(epoch)]
    assert len(inputs) == len(batches)
    assert [len(x) for x in inputs[:-1]] == [batch_size] * (len(batches) - 1)
    assert 1 <= len(inputs[-1]) <= batch_size
    assert sorted(torch.cat(inputs).flatten().tolist()) == list(range(rows))


@pytest.mark.parametrize("rounds", [None, 3])
def test_features_and_targets_stay_together(rounds: int | None) -> None:
    for x, target in Batches(numbered(10, rounds), 4, [0, 1, 2], (3,)).epoch(0):
        assert torch.equal(target, -x)


def test_labels_stay_with_their_rows() -> None:
    examples = Examples(torch.arange(20.0).reshape(2, 10, 1), torch.arange(20).reshape(2, 10))
    for x, labels in Batches(examples, 3, [0, 1], (2,)).epoch(0):
        assert torch.equal(labels, x.squeeze(-1).long())


def test_rounds_with_rows_of_their_own_take_from_those_alone() -> None:
    for x, _ in Batches(numbered(10, 3), 4, [0, 1, 2], (3,)).epoch(5):
        assert torch.equal(x.squeeze(-1) // 1000, torch.arange(3.0).reshape(3, 1).expand(3, x.shape[1]).double())


@pytest.mark.parametrize("own_rows", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 10, 99])
def test_the_batches_of_a_round_are_those_of_its_own_run(own_rows: bool, batch_size: int) -> None:
    seeds = [7, 3, 11]
    examples = numbered(10, 3 if own_rows else None)
    together = Batches(examples, batch_size, seeds, (3,))
    for r, seed in enumerate(seeds):
        own = Examples(examples.features[r], examples.target[r]) if own_rows else examples
        alone = Batches(own, batch_size, [seed], ())
        for epoch in 0, 1, 17:
            for (x, t), (own_x, own_t) in zip(together.epoch(epoch), alone.epoch(epoch), strict=True):
                assert torch.equal(x[r], own_x)
                assert torch.equal(t[r], own_t)


def test_the_order_is_the_permutation_of_seed_and_epoch() -> None:
    order = Batches(numbered(10), 4, [7, 3], (2,)).order(5)
    for row, seed in zip(order, [7, 3], strict=True):
        assert torch.equal(row, torch.randperm(10, generator=generator(seed, "batches", 5)))


def test_the_order_depends_on_nothing_else() -> None:
    state = torch.get_rng_state()
    first = Batches(numbered(30), 4, [0], ()).order(3)
    assert torch.equal(torch.get_rng_state(), state)
    other = Batches(numbered(30), 7, [0], ())
    assert torch.equal(other.order(9), other.order(9))
    assert torch.equal(other.order(3), first)


def test_each_epoch_and_each_seed_has_an_order_of_its_own() -> None:
    orders = {
        tuple(Batches(numbered(20), 4, [seed], ()).order(epoch).tolist()) for seed in range(10) for epoch in range(10)
    }
    assert len(orders) == 100


def test_every_row_comes_first_about_as_often() -> None:
    batches = Batches(numbered(5), 1, [0], ())
    counts = torch.stack([batches.order(epoch)[0] for epoch in range(1000)]).bincount()
    # Binomial: 1000 times 1/5, so 200 with a deviation of 12.6.
    assert counts.min() > 140
    assert counts.max() < 260


@pytest.mark.parametrize(
    ("features", "target"), [((10, 2), (20, 1)), ((10, 2), (5, 1)), ((10, 2), (9,)), ((3, 10, 2), (3, 9, 1))]
)
def test_as_many_targets_as_rows_are_needed(features: tuple[int, ...], target: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as refused:
        Batches(Examples(torch.zeros(features), torch.zeros(target)), 4, [0, 1, 2], (3,))
    assert str(list(features)) in str(refused.value)
    assert str(list(target)) in str(refused.value)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_a_batch_without_rows_is_refused(batch_size: Any) -> None:
    with pytest.raises(RequestError, match=f"batch_size must be a whole number, at least 1, got {batch_size}"):
        Batches(numbered(10), batch_size, [0], ())


@pytest.mark.parametrize(("seeds", "rounds", "wanted"), [([0, 1], (3,), 3), ([0, 1], (), 1), ([], (1,), 1)])
def test_each_round_needs_a_seed(seeds: list[int], rounds: tuple[int, ...], wanted: int) -> None:
    with pytest.raises(RequestError, match=f"seeds must be one for each round, {wanted}, got {len(seeds)}"):
        Batches(numbered(10), 4, seeds, rounds)


@pytest.mark.parametrize("rounds", [None, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 5, 10, 99])
def test_the_numbers_of_a_block_give_the_batches_of_the_epoch(rounds: int | None, batch_size: int) -> None:
    batches = Batches(numbered(10, rounds), batch_size, [7, 3, 11], (3,))
    [block] = batches.blocks(2)
    of_all = [rows for batches_of_a_size in block.batches for rows in batches_of_a_size]
    assert len(of_all) == len(batches)
    assert torch.equal(torch.cat(of_all, -1), batches.order(2))
    for numbers, (x, target) in zip(of_all, batches.epoch(2), strict=True):
        assert numbers.dtype == torch.int64
        assert numbers.is_contiguous()
        assert torch.equal(block.features[numbers], x)
        assert torch.equal(block.target[numbers], target)
