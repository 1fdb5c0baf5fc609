"""Splits by group, by time, by a column, in folds and by files: no row is lost, and none is in two parts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold

from minidl_core.data import Table, numeric
from minidl_core.data.rounds import Examples, split
from minidl_core.data.splits import Split, Splitting, epoch_rows, splits
from minidl_core.errors import DataError, RequestError
from minidl_core.runs import train

any_split = settings(deadline=None, max_examples=100)
SEEDS = [3, 4, 5]
MODEL = "linear(_,4)-tanh-linear(4,_)"


def table_of(key: Any = None, labels: Any = None, rows: int = 40) -> Table:
    """A table whose first feature is the row's own number."""
    rows = next((len(given) for given in (key, labels) if given is not None), rows)
    numbers = torch.arange(rows, dtype=torch.float64).unsqueeze(-1)
    keys = None if key is None else torch.as_tensor(key)
    if labels is None:
        return Table(numbers, 10 * numbers, numeric("row"), ("t",), None, key=keys)
    target = torch.as_tensor(labels)
    classes = tuple(map(str, range(int(target.max()) + 1)))
    return Table(numbers, target, numeric("row"), ("t",), classes, key=keys)


def assert_whole(found: list[Split], rows: int) -> None:
    for one in found:
        assert sorted(torch.cat(one).tolist()) == list(range(rows))


def groups_of(key: Any, part: torch.Tensor) -> set[Any]:
    return {key[row] for row in part.tolist()}


keys = st.lists(st.integers(0, 8), min_size=6, max_size=60)
fractions = st.sampled_from([0.1, 0.2, 0.5])


@any_split
@given(key=keys, test=fractions, validation=st.sampled_from([0.0, 0.2, 0.5]), seed=st.integers(0, 99))
def test_groups_are_never_parted_and_no_row_is_lost(key: list[int], test: float, validation: float, seed: int) -> None:
    assume(len(set(key)) > 3)
    try:
        found = splits(table_of(key), Splitting(test, validation, "group"), [seed, seed + 1])
    except DataError:
        return  # what was left after the test part was one group alone, or too few rows
    assert_whole(found, len(key))
    for one in found:
        for first, second in itertools.combinations(one, 2):
            assert not groups_of(key, first) & groups_of(key, second)
        assert len(one.train)
        assert len(one.test)


def test_each_round_holds_other_groups_out_near_the_fraction() -> None:
    key = [i % 20 for i in range(200)]
    found = splits(table_of(key), Splitting(0.2, 0.25, "group"), range(20))
    assert {len(one.test) for one in found} == {40}
    assert {len(one.validation) for one in found} == {40}
    assert len({frozenset(groups_of(key, one.test)) for one in found}) > 15


@any_split
@given(moments=st.lists(st.integers(0, 12), min_size=5, max_size=50), test=fractions)
def test_time_parts_before_from_after_and_ties_stay_together(moments: list[int], test: float) -> None:
    key = [float(moment) for moment in moments]
    try:
        [one] = splits(table_of(key), Splitting(test, 0.2, "time"), SEEDS)
    except DataError as error:
        assert "moment" in str(error) or "cannot be split" in str(error)  # noqa: PT017
        return
    assert_whole([one], len(key))
    parts = [part for part in one if len(part)]
    for before, after in itertools.pairwise(parts):
        assert max(groups_of(key, before)) < min(groups_of(key, after))
    assert len(one.test) >= round(test * len(key))  # ties with the first of them come along


def test_rows_of_one_moment_cannot_be_split_by_time() -> None:
    with pytest.raises(DataError, match="one moment, so that none is before the test part"):
        splits(table_of([1.0] * 10), Splitting(0.2, by="time"), SEEDS)


def test_a_column_says_the_part_of_each_row() -> None:
    key = [0, 1, 2, 0, 0, 2, 1, 0]
    [one] = splits(table_of(key), Splitting(0.3, 0.2, "part"), SEEDS)
    assert [part.tolist() for part in one] == [[0, 3, 4, 7], [1, 6], [2, 5]]


def test_without_rows_for_validation_in_the_column_they_are_drawn() -> None:
    key = [0] * 20 + [2] * 5
    found = splits(table_of(key), Splitting(0.3, 0.2, "part"), SEEDS)
    assert_whole(found, 25)
    assert all(one.test.tolist() == [20, 21, 22, 23, 24] and len(one.validation) == 4 for one in found)
    assert len({tuple(sorted(one.validation.tolist())) for one in found}) == 3
    assert len(splits(table_of(key), Splitting(0.3, 0.2, "part", resplit=False), SEEDS)) == 1


def test_a_column_without_training_rows_is_refused() -> None:
    with pytest.raises(DataError, match="no row is for training"):
        splits(table_of([1, 2, 2]), Splitting(by="part"), SEEDS)


@any_split
@given(labels=st.lists(st.integers(0, 3), min_size=2, max_size=60), data=st.data(), seed=st.integers(0, 99))
def test_folds_hold_each_row_out_once_with_classes_in_proportion(
    labels: list[int], data: st.DataObject, seed: int
) -> None:
    folds = data.draw(st.integers(2, len(labels)))
    found = splits(table_of(labels=labels), Splitting(folds=folds), [seed + i for i in range(folds)])
    assert_whole(found, len(labels))
    assert sorted(torch.cat([one.test for one in found]).tolist()) == list(range(len(labels)))
    sizes = [len(one.test) for one in found]
    assert max(sizes) - min(sizes) <= 1
    for label in set(labels):
        counts = [sum(labels[row] == label for row in one.test.tolist()) for one in found]
        assert max(counts) - min(counts) <= 1


def test_folds_are_as_even_as_sklearns_stratified_ones() -> None:
    labels = np.array([0] * 33 + [1] * 12 + [2] * 5)
    ours = splits(table_of(labels=labels), Splitting(folds=5), range(5))
    theirs = StratifiedKFold(5).split(labels, labels)
    for one, (_, test) in zip(ours, theirs, strict=True):
        difference = np.bincount(labels[one.test], minlength=3) - np.bincount(labels[test], minlength=3)
        assert np.abs(difference).max() <= 1


@any_split
@given(key=keys, folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_folds_of_groups_never_part_one_and_are_as_even_as_sklearns(key: list[int], folds: int, seed: int) -> None:
    assume(len(set(key)) >= folds)
    found = splits(table_of(key), Splitting(by="group", folds=folds), [seed + i for i in range(folds)])
    assert_whole(found, len(key))
    assert sorted(torch.cat([one.test for one in found]).tolist()) == list(range(len(key)))
    for one in found:
        assert not groups_of(key, one.train) & groups_of(key, one.test)
    theirs = [len(test) for _, test in GroupKFold(folds).split(key, groups=key)]
    assert sorted(len(one.test) for one in found) == sorted(theirs)


@pytest.mark.parametrize(("how", "words"), [({}, "40 rows"), ({"key": [i % 3 for i in range(40)]}, "3 groups")])
def test_too_many_folds_are_refused(how: dict[str, Any], words: str) -> None:
    by = "group" if how else "chance"
    with pytest.raises(DataError, match=f"{words} cannot be parted in 41 folds; take fewer"):
        splits(table_of(**how), Splitting(by=by, folds=41), range(41))


@pytest.mark.parametrize("by", ["part", "time"])
def test_folds_go_with_chance_and_groups_alone(by: Any) -> None:
    with pytest.raises(RequestError, match=f"folds part rows by chance or by group, and not by {by}"):
        Splitting(by=by, folds=3)


HOW = {
    "chance": {},
    "group": {"group": "g"},
    "time": {"time": "when"},
    "split": {"split": "part"},
    "validated": {"patience": 2},
    "groups validated": {"group": "g", "patience": 2},
    "no test": {"test_fraction": 0},
    "weighted": {"weight": "w"},
    "weighted groups": {"group": "g", "weight": "w"},
    "balanced groups": {"group": "g", "class_weight": "balanced", "scaling": "min_max"},
    "filled groups": {"group": "g", "missing": "mean"},
}
_random = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "x": _random.normal(size=60),
        "y": [None if i % 7 == 0 else float(i) for i in range(60)],
        "town": [["a", "b", "c"][i % 3] for i in range(60)],
        # Groups of many sizes, so that rounds have unequal numbers of rows.
        "g": ["g%d" % min(i // 3, 9 + i // 20) for i in range(60)],  # noqa: UP031
        "when": [i // 2 for i in range(60)],
        "part": [["train", "Train", "validation", " test "][i % 4] for i in range(60)],
        "w": [1.0 + i % 3 for i in range(60)],
        "t": [["u", "v"][i * i % 5 % 2] for i in range(60)],
    }
)


def trained(how: dict[str, Any], **more: Any) -> Any:
    drop = [
        name
        for name in ("g", "when", "part", "w")
        if name not in [given for given in how.values() if isinstance(given, str)]
    ]
    options = {"missing": "median", "epochs": 3, "batch_size": 8, "optimizer": "sgd(lr=0.1)", "metrics": ["f1"]}
    return train(MODEL, FRAME, target="t", drop=drop, **{"loss": "mse", **options, **how, **more})


@pytest.mark.parametrize("how", HOW)
def test_each_round_of_many_is_the_run_of_its_own(how: str) -> None:
    many = trained(HOW[how], rounds=3, seed=7)
    for number in range(3):
        alone = trained(HOW[how], seed=7 + number)
        own = many.trained.model.parameters.values[number]
        torch.testing.assert_close(own, alone.trained.model.parameters.values, rtol=1e-5, atol=1e-6)
        for part in ("train", "validation", "test"):
            figures, lone = getattr(many, part), getattr(alone, part)
            assert (figures is None) == (lone is None)
            for name in figures or ():
                assert figures[name].values[number] == pytest.approx(lone[name].values[0], rel=1e-4, abs=1e-5), name
        if many.epochs == alone.epochs:
            torch.testing.assert_close(many.history[:, number], alone.history, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", ["group", "weighted groups", "groups validated"])
def test_rounds_of_unequal_numbers_of_rows_take_as_many_steps(how: str) -> None:
    data = trained(HOW[how], rounds=5).data
    assert isinstance(data.train, Examples)
    assert data.train.counts is not None
    assert len(set(data.train.counts)) > 1
    assert data.train.epoch_rows == epoch_rows(
        60, Splitting(validation_fraction=0.2 if "validated" in how else 0.0, by="group")
    )


def test_rows_that_fill_a_round_up_weigh_nothing() -> None:
    """They are copies that weigh nothing, and are left out where a round is taken alone."""
    table = table_of([0] * 15 + [1] * 3 + [2] * 7 + [3] * 10, labels=[i % 2 for i in range(35)])
    data = split(table, Splitting(0.3, by="group"), range(6))
    assert isinstance(data.train, Examples)
    assert isinstance(data.test, Examples)
    for part in (data.train, data.test):
        assert part.counts is not None
        assert part.weight is not None
        for number, count in enumerate(part.counts):
            assert part.weight[number].tolist() == [1.0] * count + [0.0] * (part.rows - count)
            assert len(part.of_round(number).features) == count


def test_no_resplit_gives_all_rounds_the_split_of_the_first() -> None:
    shared = trained({}, rounds=3, seed=7, resplit=False, validation_fraction=0.25)
    first = trained({}, seed=7, validation_fraction=0.25)
    for part in ("train", "validation", "test"):
        assert torch.equal(
            getattr(shared.data, part).features.nan_to_num(99), getattr(first.data, part).features.nan_to_num(99)
        )
    assert shared.test["loss"].values[0] == pytest.approx(first.test["loss"].values[0])
    assert len(set(shared.test["loss"].values)) == 3  # their first weights are their own


def test_folds_are_rounds_and_each_row_is_tested_once() -> None:
    training = trained({"folds": 5})
    rows = (
        torch.cat([training.data.test.of_round(i).features for i in range(5)])
        if training.data.test.counts
        else (training.data.test.features.flatten(0, 1))
    )
    assert sorted(rows[:, 0].tolist()) == sorted(FRAME["x"])
    assert len(training.trained.seeds) == 5
    with pytest.raises(RequestError, match="5 folds are 5 rounds, and not 3"):
        trained({"folds": 5}, rounds=3)


def test_as_many_folds_as_rows_leave_one_out() -> None:
    training = trained({"folds": 60}, epochs=1)
    assert training.data.test.features.shape[:2] == (60, 1)
    assert set(training.test["accuracy"].values) <= {0.0, 1.0}


def test_separate_files_are_taken_whole_and_prepared_by_the_training_rows() -> None:
    train_rows, test_rows, validation_rows = FRAME[:40], FRAME[40:55], FRAME[55:]
    test_rows = test_rows.with_columns(town=pl.lit("elsewhere"))
    training = train(
        MODEL,
        train_rows,
        target="t",
        features="x,town",
        test=test_rows,
        validation=validation_rows,
        epochs=2,
        loss="mse",
    )
    data = training.data
    assert [part.features[:, 0].tolist() for part in (data.train, data.validation, data.test)] == [
        rows["x"].to_list() for rows in (train_rows, validation_rows, test_rows)
    ]
    assert data.test.features[:, 1].eq(-1).all()
    assert training.trained.features.offset[0, 0].item() == pytest.approx(train_rows["x"].mean())


def test_with_a_validation_file_the_test_rows_are_still_held_out() -> None:
    data = train(MODEL, FRAME[:40], target="t", features="x", validation=FRAME[40:], epochs=1, loss="mse").data
    assert (data.train.features.shape[0], data.test.features.shape[0]) == (32, 8)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"test": FRAME, "test_fraction": 0.2}, "test and test fraction each say what is for test"),
        ({"test": FRAME, "folds": 3}, "test and folds each say what is for test"),
        ({"split": "part", "folds": 3}, "folds and split each say what is for test"),
        ({"split": "part", "test": FRAME}, "test and split each say what is for test"),
        (
            {"validation": FRAME, "validation_fraction": 0.2},
            "validation data and a validation fraction exclude each other",
        ),
        ({"split": "part", "validation": FRAME}, "validation data and the column of parts each say"),
        ({"split": "part", "group": "g"}, "rows are split by split or by group, and not by several"),
        ({"time": "when", "folds": 3}, "folds part rows by chance or by group, and not by time"),
        ({"group": "t"}, "'t' is the target, and can be nothing else"),
    ],
)
def test_requests_that_exclude_each_other_are_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        trained(how)


def test_a_part_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match="row 1, column 'town': 'a' is none of train, validation, test"):
        trained({"split": "town"})


@pytest.mark.parametrize(
    ("spelling", "is_time"),
    [("2024-01-{:02}", True), ("2024-01-{:02}T10:00:00+02:00", True), ("{}", True), ("{:02}/01/2024", False)],
)
def test_moments_are_dates_of_the_standard_or_numbers(spelling: str, is_time: bool) -> None:
    days = [1 + i * 7 % 20 for i in range(60)]
    frame = FRAME.select("x", "t").with_columns(when=pl.Series([spelling.format(day) for day in days]))
    if not is_time:
        with pytest.raises(DataError, match=r"column 'when': '01/01/2024' is no number, and no date that is read "):
            train(MODEL, frame, target="t", time="when", epochs=1, loss="mse")
        return
    data = train(MODEL, frame, target="t", time="when", epochs=1, loss="mse").data
    tested = [days[FRAME["x"].to_list().index(x)] for x in data.test.features[:, 0].tolist()]
    assert sorted(tested) == sorted(day for day in days if day >= min(tested))


def test_a_missing_moment_and_a_missing_group_are_refused() -> None:
    frame = FRAME.with_columns(when=pl.Series([None, *range(59)]), g=pl.Series([*["a"] * 59, None]))
    for name, key in ("when", "time"), ("g", "group"):
        with pytest.raises(DataError, match=f"has missing cells, 1 of '{name}' .*which each row needs"):
            train(MODEL, frame, target="t", features="x", epochs=1, loss="mse", **{key: name})


def test_one_group_alone_cannot_be_split() -> None:
    with pytest.raises(DataError, match="rows of one group alone cannot be split for test"):
        train(MODEL, FRAME.with_columns(g=pl.lit(1)), target="t", features="x", group="g", epochs=1, loss="mse")
