"""Splits: the parts are disjoint and whole, classes keep their proportions, and the seed alone decides."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minidl_core.data import Disk, Table, numeric
from minidl_core.data.rounds import draw, split
from minidl_core.data.splits import Splitting, split_rows
from minidl_core.errors import DataError, RequestError

any_split = settings(deadline=None, max_examples=150)


def table_of(labels: list[int]) -> Table:
    """A table whose only feature is the row's own number."""
    classes = tuple(str(label) for label in range(max(labels) + 1))
    rows = torch.arange(len(labels), dtype=torch.float64)
    return Table(rows.unsqueeze(-1), torch.tensor(labels), numeric("row"), ("t",), classes)


def values_of(rows: int) -> Table:
    numbers = torch.arange(rows, dtype=torch.float64)
    return Table(numbers.unsqueeze(-1), 10 * numbers.unsqueeze(-1), numeric("row"), ("t",), None)


def parts_of(table: Table, held_out: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return split_rows(table.target, table.classes is not None, held_out, seed)


labels_and_held_out = st.lists(st.integers(0, 4), min_size=2, max_size=60).flatmap(
    lambda labels: st.tuples(st.just(labels), st.integers(1, len(labels) - 1))
)


@any_split
@given(drawn=labels_and_held_out, seed=st.integers())
def test_the_parts_are_disjoint_and_cover_all_rows(drawn: tuple[list[int], int], seed: int) -> None:
    labels, held_out = drawn
    train, test = parts_of(table_of(labels), held_out, seed)
    assert len(test) == held_out
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(labels)))


@any_split
@given(drawn=labels_and_held_out, seed=st.integers())
def test_each_class_keeps_its_proportion_within_one_row(drawn: tuple[list[int], int], seed: int) -> None:
    labels, held_out = drawn
    _, test = parts_of(table_of(labels), held_out, seed)
    chosen = [labels[row] for row in test.tolist()]
    for label in set(labels):
        share = labels.count(label) * held_out / len(labels)
        assert math.floor(share) <= chosen.count(label) <= math.ceil(share)


@any_split
@given(rows=st.integers(2, 60), seed=st.integers(), data=st.data())
def test_values_are_split_as_exactly(rows: int, seed: int, data: st.DataObject) -> None:
    held_out = data.draw(st.integers(1, rows - 1))
    train, test = parts_of(values_of(rows), held_out, seed)
    assert len(test) == held_out
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(rows))


@any_split
@given(rows=st.integers(2, 200), fraction=st.floats(0, 1, exclude_min=True, exclude_max=True), seed=st.integers(0, 99))
def test_a_fraction_holds_out_the_nearest_number_of_rows(rows: int, fraction: float, seed: int) -> None:
    expected = round(rows * fraction)
    assume(0 < expected < rows)
    data = split(values_of(rows), Splitting(fraction), [seed])
    assert data.test is not None
    assert (len(data.train.features), len(data.test.features)) == (rows - expected, expected)


@pytest.mark.parametrize("table", [table_of([0, 1, 2] * 20), values_of(60)], ids=["classes", "values"])
def test_the_seed_alone_decides(table: Table) -> None:
    def held_out(seed: int) -> list[int]:
        return sorted(parts_of(table, 12, seed)[1].tolist())

    state = torch.get_rng_state()
    first = held_out(0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    assert held_out(0) == first
    assert len({tuple(held_out(seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize("table", [table_of([0] * 30 + [1] * 10), values_of(40)], ids=["classes", "values"])
def test_over_seeds_every_row_is_held_out_about_as_often(table: Table) -> None:
    counts = torch.zeros(40)
    for seed in range(400):
        counts[parts_of(table, 10, seed)[1]] += 1
    # Binomial: 400 times 1/4, so 100 with a deviation of 8.7.
    assert counts.sum() == 4000
    assert counts.min() > 55
    assert counts.max() < 145


@pytest.mark.parametrize("table", [table_of([0, 1] * 20), values_of(40)], ids=["classes", "values"])
def test_each_round_holds_out_what_a_run_of_its_own_would(table: Table) -> None:
    together = split(table, Splitting(0.25), [3, 4, 5])
    assert together.test is not None
    assert together.train.features.shape == (3, 30, 1)
    assert together.test.target.shape == (3, 10) if table.classes else (3, 10, 1)
    for r, seed in enumerate([3, 4, 5]):
        alone = split(table, Splitting(0.25), [seed])
        assert alone.test is not None
        for ours, own in (together.train, alone.train), (together.test, alone.test):
            assert torch.equal(ours.features[r], own.features)
            assert torch.equal(ours.target[r], own.target)


def test_features_and_targets_stay_together() -> None:
    data = split(values_of(50), Splitting(0.3), [0, 1])
    assert data.test is not None
    for part in data.train, data.test:
        assert torch.equal(part.target, 10 * part.features)


def test_without_a_fraction_all_rows_train_and_none_test() -> None:
    table = table_of([0, 1, 0, 1])
    data = split(table, Splitting(0), [0, 1])
    assert data.test is None
    assert torch.equal(data.train.features, table.features)


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, math.nan, math.inf])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(RequestError, match="test fraction must be at least 0 and less than 1, got"):
        split(table_of([0, 1, 0, 1]), Splitting(fraction), [0])


@pytest.mark.parametrize(("rows", "fraction"), [(2, 0.1), (4, 0.1), (3, 0.9)])
def test_too_few_rows_for_a_fraction_are_refused(rows: int, fraction: float) -> None:
    with pytest.raises(DataError, match=f"{rows} rows cannot be split with a test fraction of {fraction:g}; give more"):
        split(values_of(rows), Splitting(fraction), [0])


def test_names_and_classes_come_with_the_rows() -> None:
    table = table_of([0, 1, 2, 0, 1, 2])
    for data in (
        split(table, Splitting(0.5), [0, 1]),
        split(table, Splitting(), [0, 1], test=table),
        draw(Disk(n=20), [0, 1]),
    ):
        assert data.target_names in (("t",), ("class",))
        assert data.classes in (table.classes, ("0", "1"))
        assert data.columns in (numeric("row"), numeric("x", "y"))


def test_a_table_for_test_is_taken_as_it_is_for_every_round() -> None:
    train, test = table_of([0, 1, 0, 1]), table_of([1, 0])
    data = split(train, Splitting(), [0], test=test)
    assert data.test is not None
    assert torch.equal(data.train.features, train.features)
    assert torch.equal(data.test.features, test.features)
    assert torch.equal(data.test.target, test.target)


@pytest.mark.parametrize("table", [table_of([0, 1, 2, 2] * 15), values_of(60)], ids=["classes", "values"])
def test_the_rows_to_validate_on_are_of_those_that_are_not_for_test(table: Table) -> None:
    without, data = split(table, Splitting(0.25), [7, 8]), split(table, Splitting(0.25, 0.2), [7, 8])
    assert data.validation is not None
    assert data.test is not None
    assert without.test is not None
    assert torch.equal(data.test.features, without.test.features)
    for index, seed in enumerate([7, 8]):
        parts = [part.features[index].flatten().tolist() for part in (data.train, data.validation, data.test)]
        assert [len(part) for part in parts] == [36, 9, 15]
        assert sorted(itertools.chain(*parts)) == list(range(60))
        alone = split(table, Splitting(0.25, 0.2), [seed]).validation
        assert alone is not None
        assert torch.equal(data.validation.features[index], alone.features)
        assert torch.equal(data.validation.target[index], alone.target)


def test_classes_keep_their_proportions_among_the_rows_to_validate_on() -> None:
    validation = split(table_of([0, 1, 2, 2] * 15), Splitting(0.2, 0.25), [0]).validation
    assert validation is not None
    assert validation.target.bincount().tolist() == [3, 3, 6]


def test_rows_to_validate_on_are_held_out_beside_a_table_for_test() -> None:
    train, test = values_of(40), values_of(7)
    data = split(train, Splitting(validation_fraction=0.1), [0, 1, 2], test=test)
    assert data.validation is not None
    assert data.test is not None
    assert data.validation.features.shape == (3, 4, 1)
    assert data.train.features.shape == (3, 36, 1)
    assert torch.equal(data.test.features, test.features)


def test_a_validation_fraction_that_leaves_no_rows_is_refused() -> None:
    message = "8 rows cannot be split with a validation fraction of 0.01; give more rows or another fraction"
    with pytest.raises(DataError, match=message):
        split(values_of(10), Splitting(0.2, 0.01), [0])
    with pytest.raises(RequestError, match="validation fraction must be at least 0 and less than 1, got 1"):
        split(values_of(10), Splitting(0.2, 1.0), [0])
