"""Preprocessing against scikit-learn's, fitted on the same training rows."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from minidl_core.data import Column
from minidl_core.data.preprocessing import FILLS, SCALES, Preprocessing
from minidl_core.errors import DataError, ModelFileError

CATEGORIES = ("a", "b", "c", "d")
COLUMNS = (Column("x"), Column("ok", "boolean"), Column("town", "category", CATEGORIES), Column("y"))
# Rounded, since scikit-learn takes a range or a deviation of a few 1e-16 for constant whatever the unit.
numbers = st.floats(-1e6, 1e6).map(lambda number: round(number, 6)) | st.sampled_from([0.0, -0.0, 1.0, 1.0])
rows = st.tuples(numbers, st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0, 2.0, 3.0]), numbers)
gappy = st.tuples(*(one | st.just(math.nan) for one in (numbers, st.sampled_from([0.0, 1.0]), st.just(1.0), numbers)))


def fitted(features: torch.Tensor, scaling: str = "standardize", missing: str | None = None) -> Preprocessing:
    return Preprocessing.fit(COLUMNS, [features], scaling, missing)


def by_sklearn(train: Any, test: Any, scaling: str, missing: str | None) -> Any:
    """What scikit-learn makes of the test rows after it was fitted on the training rows."""
    scaler = {"standardize": StandardScaler, "min_max": MinMaxScaler}.get(scaling)
    scale = [] if scaler is None else [scaler()]
    how = "median" if missing is None else missing
    number = make_pipeline(SimpleImputer(strategy=how), *scale)
    kind = SimpleImputer(strategy="most_frequent")
    one_hot = OneHotEncoder(categories=[list(range(4))], handle_unknown="ignore", sparse_output=False)
    town = make_pipeline(SimpleImputer(strategy="most_frequent"), one_hot)
    parts = [("x", number, [0]), ("ok", kind, [1]), ("town", town, [2]), ("y", number, [3])]
    inputs = ColumnTransformer(parts).fit(train).transform(test)
    filled = SimpleImputer(strategy="most_frequent").fit(train[:, 2:3]).transform(train[:, 2:3])
    inputs[:, 2:6] *= np.isin(range(4), filled)  # minidl has an input for each category of the table
    return inputs


@settings(deadline=None, max_examples=100)
@given(
    train=st.lists(rows, min_size=1, max_size=20),
    test=st.lists(rows, min_size=1, max_size=5),
    scaling=st.sampled_from(SCALES),
)
def test_mixed_tables_are_what_sklearn_makes_of_them(train: list[Any], test: list[Any], scaling: str) -> None:
    one, other = np.array(train), np.array(test)
    ours = fitted(torch.tensor(train, dtype=torch.float64), scaling).apply(torch.from_numpy(other), torch.float64)
    assert_close(ours, by_sklearn(one, other, scaling, None), one, other)


@settings(deadline=None, max_examples=100)
@given(
    train=st.lists(gappy, min_size=1, max_size=20),
    test=st.lists(gappy, min_size=1, max_size=5),
    scaling=st.sampled_from(SCALES),
    missing=st.sampled_from(FILLS),
)
def test_missing_cells_are_filled_in_as_sklearn_does(
    train: list[Any], test: list[Any], scaling: str, missing: str
) -> None:
    one, other = np.array([*train, (0.5, 1.0, 1.0, 2.0)]), np.array(test)
    ours = fitted(torch.from_numpy(one), scaling, missing).apply(torch.from_numpy(other), torch.float64)
    assert_close(ours, by_sklearn(one, other, scaling, missing), one, other)


def assert_close(ours: torch.Tensor, theirs: Any, train: Any, test: Any) -> None:
    """Numbers that differ in their last bits alone are constant here, and may be not there."""
    for place, column in (0, 0), (6, 3):
        known = train[:, column][~np.isnan(train[:, column])]
        if 0 < known.std() <= 1e-9 * np.abs(known).max():
            theirs[:, place] = ours[:, place]
        scale = known.std() if known.std() > 0 else 1.0
        greatest = max(np.nanmax(np.abs(test[:, column]), initial=0), np.abs(known).max())
        np.testing.assert_allclose(ours[:, place], theirs[:, place], rtol=1e-9, atol=1e-13 * (1 + greatest / scale))
    np.testing.assert_array_equal(ours[:, 1:6], theirs[:, 1:6])


@pytest.mark.parametrize("scaling", SCALES)
@pytest.mark.parametrize("missing", [None, *FILLS])
def test_each_round_is_fitted_by_itself(scaling: str, missing: str | None) -> None:
    random = np.random.default_rng(0)
    features = np.stack([random.normal(5, 3, (3, 30)), random.integers(0, 2, (3, 30))] * 2, -1)[..., [0, 1, 3, 2]]
    features[0, :, 2] = 2.0  # which is all that this round has of the categories
    if missing is not None:
        features[:, ::4, 0] = math.nan
    many = fitted(torch.from_numpy(features), scaling, missing)
    inputs = many.apply(torch.from_numpy(features), torch.float64)
    for number, own in enumerate(features):
        np.testing.assert_allclose(inputs[number], by_sklearn(own, own, scaling, missing), rtol=1e-10, atol=1e-12)
        alone = fitted(torch.from_numpy(own), scaling, missing)
        assert torch.equal(alone.apply(torch.from_numpy(own), torch.float64), inputs[number])
    joined = Preprocessing.joined([fitted(torch.from_numpy(own), scaling, missing) for own in features])
    assert torch.equal(joined.apply(torch.from_numpy(features), torch.float64), inputs)
    # The same rows for all rounds, as new data are.
    assert torch.equal(many.apply(torch.from_numpy(features[1]), torch.float64)[1], inputs[1])


@settings(deadline=None, max_examples=50)
@given(train=st.lists(gappy, min_size=1, max_size=10), scaling=st.sampled_from(SCALES), missing=st.sampled_from(FILLS))
def test_through_json_not_a_bit_is_lost(train: list[Any], scaling: str, missing: str) -> None:
    features = torch.tensor([*train, (0.1, 1.0, 1.0, 2.0)], dtype=torch.float64)
    before = fitted(features, scaling, missing)
    after = Preprocessing.from_json(json.loads(json.dumps(before.to_json())), ())
    assert torch.equal(before.apply(features, torch.float64), after.apply(features, torch.float64))
    assert (before.columns, before.scaling, before.missing) == (after.columns, after.scaling, after.missing)


def test_rounds_through_json_keep_their_own_scales() -> None:
    features = torch.rand(3, 8, 4, dtype=torch.float64).mul(torch.tensor([9.0, 0, 0, 1e-9])).floor()
    before = fitted(features)
    after = Preprocessing.from_json(json.loads(json.dumps(before.to_json())), (3,))
    assert torch.equal(before.apply(features, torch.float64), after.apply(features, torch.float64))
    with pytest.raises(ModelFileError, match="must be a list of 4 finite numbers"):
        Preprocessing.from_json(before.to_json(), (2,))


def test_a_category_that_no_training_row_has_is_zeros() -> None:
    train = torch.tensor([[0.0, 0, 0, 0], [1, 1, 2, 1]], dtype=torch.float64)
    test = torch.tensor([[0.0, 0, code, 0] for code in (-1, 0, 1, 2, 3)], dtype=torch.float64)
    inputs = fitted(train).apply(test, torch.float64)[:, 2:6]
    assert inputs.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("value", [0.0, -0.0, 0.1, -7.3, 1e-300, 1e300, 2.0**53 + 2])
@pytest.mark.parametrize("scaling", ["standardize", "min_max"])
@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_a_constant_column_is_0(value: float, scaling: str, rows: int) -> None:
    features = torch.full((rows, 1), value, dtype=torch.float64)
    inputs = Preprocessing.fit((Column("x"),), [features], scaling, None).apply(features, torch.float32)
    assert inputs.eq(0).all()


@pytest.mark.parametrize("scaling", SCALES)
def test_pieces_are_fitted_as_all_rows_are(scaling: str) -> None:
    features = torch.rand(100, 4, dtype=torch.float64)
    features[:, 1:3] = features[:, 1:3].round()
    whole, pieces = fitted(features, scaling), Preprocessing.fit(COLUMNS, features.split(7), scaling, None)
    torch.testing.assert_close(whole.offset, pieces.offset, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.scale, pieces.scale, rtol=1e-12, atol=1e-12)
    assert torch.equal(whole.apply(features, torch.float64)[:, 2:6], pieces.apply(features, torch.float64)[:, 2:6])


def test_many_rows_are_the_same_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.rand(2, 50, 4, dtype=torch.float64)
    features[..., 1:3] = features[..., 1:3].round()
    one = fitted(features)
    whole = one.apply(features, torch.float32)
    monkeypatch.setattr("minidl_core.data.preprocessing.ROWS_AT_ONCE", 13)
    assert torch.equal(one.apply(features, torch.float32), whole)


def test_a_column_without_a_cell_in_a_rounds_training_rows_cannot_be_filled_in() -> None:
    features = torch.rand(2, 3, 4, dtype=torch.float64).round()
    features[1, :, 0] = math.nan
    with pytest.raises(DataError, match=r"column 'x' has no cell in the 3 training rows of round 2.*--drop 'x'"):
        fitted(features, missing="mean")


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [(-1.7e308, 1.7e308, "min_max"), (0.0, 1e200, "none"), (0.0, -1e39, "none")],
)
def test_numbers_too_far_apart_for_a_model_are_refused_by_column(low: float, high: float, scaling: str) -> None:
    features = torch.tensor([[0.0, 0, 0, low], [1, 1, 1, high]], dtype=torch.float64)
    with pytest.raises(DataError, match=r"column 'y' goes from .* too far for a model's arithmetic; take another unit"):
        fitted(features, scaling)


def test_numbers_far_apart_may_be_standardized() -> None:
    features = torch.tensor([[0.0, 0, 0, -1e200], [1, 1, 1, 1e200]], dtype=torch.float64)
    assert fitted(features).apply(features, torch.float32)[:, 6].tolist() == [-1, 1]
