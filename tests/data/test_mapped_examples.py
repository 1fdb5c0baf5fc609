"""The rows of rounds over a table in blocks: split, shuffled and cut into batches as each round's own run does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from minidl_core.data import MappedTable, map_table
from minidl_core.data.batches import Batches
from minidl_core.data.mapped_examples import MappedExamples
from minidl_core.data.rounds import Examples, examples_of, split
from minidl_core.data.splits import Splitting
from minidl_core.data.standardization import Moments
from minidl_core.errors import DataError, RequestError

Save = Callable[..., str]
SEEDS = [7, 3, 11]


@pytest.fixture
def table_of(save: Save) -> Callable[..., MappedTable]:
    """Rows of two features, their number and ten times it, with a value or a class that depends on it."""

    def table(rows: int, is_class: bool = False) -> MappedTable:
        number = np.arange(float(rows))
        target = number % 3 if is_class else -number
        return map_table(
            save(np.stack([number, 10 * number, target], -1)), "2", "classification" if is_class else "regression"
        )

    return table


def in_memory(examples: Examples | MappedExamples) -> Examples:
    whole: Examples | None = None
    for piece in examples.pieces():
        whole = whole.followed_by(piece) if whole else piece
    assert whole is not None
    return whole


def numbers(features: Tensor) -> list[int]:
    """The rows that these are, in the order of the table; and they are whole."""
    assert torch.equal(features[..., 1], 10 * features[..., 0])
    return sorted(features[..., 0].long().flatten().tolist())


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_class", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 6, 7, 20, 33, 1000])
@pytest.mark.parametrize("rows", [1, 19, 40, 101])
def test_every_row_comes_once_an_epoch(table_of: Any, rows: int, batch_size: int, is_class: bool) -> None:
    if is_class and rows < 3:
        return
    batches = Batches(examples_of(table_of(rows, is_class)), batch_size, [5], ())
    for epoch in range(3):
        taken = list(batches.epoch(epoch))
        assert len(taken) == len(batches) == -(-rows // batch_size)
        assert [len(x) for x, _ in taken[:-1]] == [batch_size] * (len(batches) - 1)
        assert numbers(torch.cat([x for x, _ in taken])) == list(range(rows))
        for x, target in taken:
            assert torch.equal(target, x[:, 0].long() % 3 if is_class else -x[:, :1])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 33, 1000])
def test_only_the_last_batch_of_the_last_block_is_smaller(table_of: Any, batch_size: int, rounds: int) -> None:
    axes = (rounds,) if rounds > 1 else ()
    batches = Batches(examples_of(table_of(101)), batch_size, SEEDS[:rounds], axes)
    blocks = list(batches.blocks(0))
    assert all(len(block.features) % (rounds * batch_size) == 0 for block in blocks[:-1])
    for block in blocks:
        assert block.features.dim() == 2
        assert len(block.features) == len(block.target) == sum(one.numel() for one in block.batches)
        assert all(one.is_contiguous() and one.dtype == torch.int64 for one in block.batches)
        assert all(one.shape[1:-1] == axes for one in block.batches)
        # No more than a few rows beside those of a batch.
        assert len(block.features) <= rounds * max(6, batch_size)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("test_fraction", [0.0, 0.25])
@pytest.mark.parametrize("is_class", [False, True])
@pytest.mark.parametrize("batch_size", [1, 8, 50])
def test_each_round_has_the_rows_and_the_batches_of_its_own_run(
    table_of: Any, batch_size: int, is_class: bool, test_fraction: float
) -> None:
    table = table_of(101, is_class)
    together = split(table, Splitting(test_fraction), SEEDS)
    of_all = Batches(together.train, batch_size, SEEDS, (3,))
    for r, seed in enumerate(SEEDS):
        alone = split(table, Splitting(test_fraction), [seed])
        for ours, own in [(together.train, alone.train), (together.test, alone.test)]:
            if ours is not None and own is not None:
                found, expected = in_memory(ours).features, in_memory(own).features
                assert numbers(found[r] if found.dim() == 3 else found) == numbers(expected)
        for epoch in 0, 1, 17:
            taken = zip(of_all.epoch(epoch), Batches(alone.train, batch_size, [seed], ()).epoch(epoch), strict=True)
            for (x, t), (own_x, own_t) in taken:
                assert torch.equal(x[r], own_x)
                assert torch.equal(t[r], own_t)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_class", [False, True])
@pytest.mark.parametrize("test_fraction", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("rows", [60, 101])
def test_no_row_of_the_test_part_is_trained_on_and_none_is_lost(
    table_of: Any, rows: int, test_fraction: float, is_class: bool
) -> None:
    data = split(table_of(rows, is_class), Splitting(test_fraction), SEEDS)
    assert data.test is not None
    assert (data.train.rows, data.test.rows) == (rows - round(rows * test_fraction), round(rows * test_fraction))
    train, test = in_memory(data.train).features, in_memory(data.test).features
    trained_on = torch.cat([x for x, _ in Batches(data.train, 8, SEEDS, (3,)).epoch(0)], -2)
    held_out = []
    for r in range(3):
        assert numbers(torch.cat([train[r], test[r]])) == list(range(rows))
        assert numbers(trained_on[r]) == numbers(train[r])
        held_out.append(tuple(numbers(test[r])))
    assert len(set(held_out)) == 3 or data.test.rows == 1


@pytest.mark.usefixtures("small_blocks")
def test_classes_keep_their_proportions_in_each_block(table_of: Any) -> None:
    test = split(table_of(600, is_class=True), Splitting(0.25), [0]).test
    assert test is not None
    assert in_memory(test).target.bincount().tolist() == pytest.approx([50, 50, 50], abs=15)


@pytest.mark.parametrize("is_class", [False, True])
@pytest.mark.parametrize("test_fraction", [0.0, 0.25])
@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("piece", [6, 1000])
def test_a_table_of_one_block_has_the_batches_that_it_has_in_memory(
    table_of: Any, monkeypatch: pytest.MonkeyPatch, is_class: bool, test_fraction: float, rounds: int, piece: int
) -> None:
    monkeypatch.setattr("minidl_core.data.mapped_examples.PIECE_BYTES", piece * 16)
    mapped = table_of(101, is_class)
    ours, theirs = (
        split(table, Splitting(test_fraction), SEEDS[:rounds]) for table in (mapped, mapped.rows(slice(None)))
    )
    axes = (rounds,) if rounds > 1 else ()
    for epoch in 0, 3:
        taken = (Batches(data.train, 8, SEEDS[:rounds], axes).epoch(epoch) for data in (ours, theirs))
        for (x, t), (expected_x, expected_t) in zip(*taken, strict=True):
            assert torch.equal(x, expected_x)
            assert torch.equal(t, expected_t)
    for part, expected in (ours.train, theirs.train), (ours.test, theirs.test):
        if part is not None and expected is not None:
            assert torch.equal(in_memory(part).features, expected.features)
            assert torch.equal(in_memory(part).target, expected.target)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_and_rows_are_in_another_order_in_each_epoch(table_of: Any) -> None:
    batches = Batches(examples_of(table_of(100)), 5, [0], ())
    orders = [tuple(torch.cat([x for x, _ in batches.epoch(epoch)])[:, 0].tolist()) for epoch in [*range(9), 1]]
    assert len(set(orders)) == 9
    assert orders[1] == orders[-1]
    table = examples_of(table_of(100)).table
    block_of = {row: number for number in range(table.blocks) for row in table.block(number).features[:, 0].tolist()}
    assert len({block_of[order[0]] for order in orders}) > 1
    for order in orders:
        blocks = [block_of[row] for row in order]
        assert sum(one != other for one, other in itertools.pairwise(blocks)) == table.blocks - 1


@pytest.mark.usefixtures("small_blocks")
def test_every_row_comes_first_about_as_often(table_of: Any) -> None:
    batches = Batches(examples_of(table_of(40)), 1, [0], ())
    counts = torch.zeros(40)
    for epoch in range(1000):
        counts[int(next(batches.epoch(epoch))[0][0, 0])] += 1
    # Binomial: 1000 times 1/40, so 25 with a deviation of 4.9.
    assert counts.min() > 5
    assert counts.max() < 50


@pytest.mark.usefixtures("small_blocks")
def test_the_moments_of_pieces_are_those_of_all_rows(table_of: Any) -> None:
    train = split(table_of(101), Splitting(0.2), SEEDS).train
    joined: Moments | None = None
    for piece in train.pieces():
        found = Moments.of(piece.features)
        joined = joined.joined(found) if joined else found
    assert joined is not None
    whole = Moments.of(in_memory(train).features)
    assert joined.rows == whole.rows
    torch.testing.assert_close(joined.mean, whole.mean, rtol=1e-13, atol=0)
    torch.testing.assert_close(joined.std, whole.std, rtol=1e-13, atol=0)


@pytest.mark.usefixtures("small_blocks")
def test_changes_are_made_one_after_the_other_whenever_rows_are_read(table_of: Any) -> None:
    examples = examples_of(table_of(40))
    changed = examples.each(lambda one: Examples(one.features + 1, one.target)).each(
        lambda one: Examples(2 * one.features, one.target)
    )
    assert torch.equal(in_memory(changed).features, 2 * (in_memory(examples).features + 1))
    for x, target in Batches(changed, 8, [0], ()).epoch(0):
        assert torch.equal(x[:, :1], 2 * (1 - target))


@pytest.mark.usefixtures("small_blocks")
def test_two_tables_are_trained_on_and_tested_on_whole(table_of: Any) -> None:
    mapped = table_of(50)
    for train, test in (mapped, mapped.rows(slice(0, 9))), (mapped.rows(slice(0, 9)), mapped):
        data = split(train, Splitting(), [0], test=test)
        assert data.test is not None
        assert (data.train.rows, data.test.rows) == (len(train), len(test))
        assert numbers(in_memory(data.test).features) == list(range(len(test)))


def test_a_fraction_that_leaves_a_part_empty_is_refused(table_of: Any) -> None:
    with pytest.raises(DataError, match=r"3 rows cannot be split with a test fraction of 0\.1"):
        split(table_of(3), Splitting(0.1), [0])
    with pytest.raises(RequestError, match="at least 0 and less than 1"):
        Splitting(1.0)


def test_a_batch_without_rows_is_refused(table_of: Any) -> None:
    with pytest.raises(RequestError, match="batch_size must be a whole number, at least 1, got 0"):
        Batches(examples_of(table_of(3)), 0, [0], ())
