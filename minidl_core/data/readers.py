"""Frames -> tables. Every cell is read as what it is, or refused with its row and column."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from minidl_core.data.columns import MANY, Column, numeric, quoted, require_columns
from minidl_core.data.frame import Frame, names_rows, ordered
from minidl_core.data.reading import Reading, names_in
from minidl_core.data.splits import PARTS
from minidl_core.data.table import Table
from minidl_core.errors import DataError, RequestError

log = logging.getLogger("minidl")

_MOST = 0.5
LEAST_WEIGHT, GREATEST_WEIGHT = 1e-30, 1e30
"""Whose sums and shares are numbers of float32."""


def read_table(frame: Frame, reading: Reading) -> Table:
    """The target and the features of a frame.

    Raises:
        RequestError: where a column that is named is not there, with those that are; where several targets are classes.
        DataError: for cells that are missing or wrong, with their row and column; for columns that are no features.
    """
    targets = [_target(frame, name) for name in names_in(reading.target, frame.columns)]
    if not targets:
        raise RequestError(
            f"'{frame.name}' needs a target, the column to predict; its columns: {quoted(frame.columns)}"
        )
    if len(targets) > 1 and reading.task == "classification":
        raise RequestError(f"classes are one column, and not {len(targets)}; leave out all but one")
    names = [target.name for target in targets]
    columns = _features(frame, reading, names)
    frame = _without_missing(frame, columns, targets, reading.missing)
    for name in (reading.weight, reading.key):
        _require_complete(frame, name)
    weight, frame = _weight(frame, reading.weight)
    is_value = len(targets) > 1 or (reading.task or _task(frame, targets[0])) == "regression"
    classes = None if is_value else _classes(frame, targets[0])
    return Table(
        _stacked(frame, columns),
        _values(frame, names) if classes is None else _labels(frame, names[0], classes),
        columns,
        tuple(names),
        classes,
        weight,
        reading.weight,
        _key(frame, reading),
    )


def read_table_like(
    frame: Frame,
    columns: Sequence[Column],
    targets: Sequence[str],
    classes: Sequence[str] | None,
    missing: str | None = None,
    weight: str | None = None,
) -> Table:
    """Columns that are known, in whatever order the frame has them; categories that are not known are -1."""
    needed = [*(column.name for column in columns), *targets, *([] if weight is None else [weight])]
    require_columns(frame.name, frame.columns, needed)
    _tell_unused(frame, needed)
    frame = _without_missing(frame, columns, [_target(frame, name) for name in targets], missing)
    _require_complete(frame, weight)
    weights, frame = _weight(frame, weight)
    return Table(
        _known(frame, columns),
        _values(frame, targets) if classes is None else _labels(frame, targets[0], classes),
        tuple(columns),
        tuple(targets),
        None if classes is None else tuple(classes),
        weights,
        weight,
    )


def read_features(
    frame: Frame, columns: Sequence[Column], missing: str | None, others: Sequence[str | None] = ()
) -> Tensor:
    """Features alone, `[N, columns]`; what is missing is NaN, and refused where nothing fills it in later."""
    needed = [column.name for column in columns]
    require_columns(frame.name, frame.columns, needed)
    _tell_unused(frame, [*needed, *others])
    if missing in (None, "drop") and (counts := _missing_cells(frame, columns)):
        raise DataError(
            f"'{frame.name}' has missing cells, {counts}, and the model learned from rows without any; fill them in, "
            "remove the rows, or train with --missing median"
        )
    return _known(frame, columns)


def _tell_unused(frame: Frame, needed: Sequence[str | None]) -> None:
    if unused := [name for name in frame.columns if name not in needed]:
        log.info("%s: not used: %s", frame.name, quoted(unused))


def _known(frame: Frame, columns: Sequence[Column]) -> Tensor:
    """Columns that a model knows. Says which of their categories it does not know."""
    features = _stacked(frame, columns)
    for place, column in enumerate(columns):
        is_unknown = features[:, place] == -1
        if column.kind == "category" and bool(is_unknown.any()):
            texts = frame.text(column.name).filter(pl.Series(is_unknown.numpy())).unique(maintain_order=True).to_list()
            log.warning(
                "%s, column '%s': %s (rows: %d) unknown in training, taken as none of its categories",
                frame.name,
                column.name,
                quoted([text[:40] for text in texts]),
                int(is_unknown.sum()),
            )
    return features


def _target(frame: Frame, name: str) -> Column:
    """A target: of numbers where most of its cells are, which decides what cells are missing."""
    frame.require([name])
    texts = frame.text(name).drop_nulls()
    numbers = texts.cast(pl.Float64, strict=False)
    if frame.data[name].dtype.is_numeric() or numbers.null_count() < _MOST * len(texts):
        return Column(name)
    frame.require_no_dates(name)
    return Column(name, "category")


def _features(frame: Frame, reading: Reading, targets: Sequence[str]) -> tuple[Column, ...]:
    """The features' columns: those that are asked for, or all that are nothing else, but for those to leave out."""
    others = [name for name in (reading.weight, reading.key) if name is not None]
    asked, drop, categorical = (
        names_in(names, frame.columns) for names in (reading.features, reading.drop, reading.categorical)
    )
    frame.require([*others, *asked, *drop, *categorical])
    if both := [name for name in targets if name in [*others, *asked, *drop]]:
        raise RequestError(f"'{both[0]}' is the target, and can be nothing else")
    if both := [name for name in asked if name in [*others, *drop]]:
        what = "to leave out" if both[0] in drop else "what rows are split or weighted by"
        raise RequestError(f"'{both[0]}' is {what}, and cannot be a feature too; leave it out of the features")
    names = [name for name in asked or frame.columns if name not in [*drop, *others, *targets]]
    if idle := [name for name in categorical if name not in names]:
        raise RequestError(
            f"'{idle[0]}' is not among the features, so it cannot be categorical; leave it out"
            + (" (--task classification takes a target's numbers as classes)" if idle[0] in targets else "")
        )
    if not names:
        raise DataError(f"'{frame.name}' has no column beside the target {quoted(targets)} that could be a feature")
    return tuple(frame.inferred(name, name in categorical) for name in names)


def _without_missing(frame: Frame, columns: Sequence[Column], targets: Sequence[Column], missing: str | None) -> Frame:
    """Leave out rows with missing cells where that is the request; refuse the cells that no one fills in."""
    if missing == "drop":
        lacking = pl.Series([False]).new_from_index(0, len(frame))
        for column in (*columns, *targets):
            lacking = lacking | frame.missing(column.name, column.kind)
        if lacking.all():
            raise DataError(
                f"'{frame.name}': a cell is missing in each of the {len(frame)} rows; drop would leave none"
            )
        if lacking.any():
            log.info("%s: %d of %d rows have missing cells, and are left out", frame.name, lacking.sum(), len(frame))
            frame = frame.without(lacking)
        return frame
    if missing is None and (counts := _missing_cells(frame, columns)):
        raise DataError(
            f"'{frame.name}' has missing cells: {counts}; --missing median, mean or most_frequent fills them in from "
            "the training rows, --missing drop leaves their rows out"
        )
    if counts := _missing_cells(frame, targets):
        raise DataError(
            f"'{frame.name}' lacks what is to be predicted in some rows: {counts}; --missing drop leaves them out"
        )
    return frame


def _missing_cells(frame: Frame, columns: Sequence[Column]) -> str:
    """`3 of 'age' (first in row 7), 1 of 'town' ...`; empty where there are none."""
    found = []
    for column in columns:
        missing = frame.missing(column.name, column.kind)
        if missing.any():
            found.append((column.name, missing))
    told = []
    for name, missing in found[:MANY]:  # to find a place takes reading the file up to there
        count, first = int(missing.sum()), frame.place(int(missing.arg_true()[0]))
        told.append(f"{count} of '{name}' ({'' if count == 1 else 'first '}in {first})")
    more = f" and more in {len(found) - MANY} other columns" if len(found) > MANY else ""
    return ", ".join(told) + more


def _require_complete(frame: Frame, name: str | None) -> None:
    if name is not None and (counts := _missing_cells(frame, [Column(name)])):
        raise DataError(f"'{frame.name}' has missing cells, {counts}, which each row needs; fill them in")


def _weight(frame: Frame, name: str | None) -> tuple[Tensor | None, Frame]:
    """How much each row counts, and the rows that count."""
    if name is None:
        return None, frame
    weight = frame.numbers(Column(name), is_feature=False)
    if bool((weight < 0).any()):
        row = int((weight < 0).nonzero()[0])
        raise DataError(f"{frame.cell(row, name)}: the weight {weight[row]:g} is less than 0; correct it")
    is_far = (weight > 0) & ((weight < LEAST_WEIGHT) | (weight > GREATEST_WEIGHT))
    if bool(is_far.any()):
        row = int(is_far.nonzero()[0])
        raise DataError(
            f"{frame.cell(row, name)}: the weight {weight[row]:g} is not from {LEAST_WEIGHT:g} to {GREATEST_WEIGHT:g}; "
            "only the weights' ratios count: multiply all by one number"
        )
    if not bool((weight > 0).any()):
        raise DataError(f"'{frame.name}': all weights in '{name}' are 0; nothing is left to learn from")
    counts = weight > 0
    if not bool(counts.all()):
        log.info("%s: %d of %d rows have weight 0, and are left out", frame.name, int((~counts).sum()), len(frame))
        frame = frame.without(pl.Series((~counts).numpy()))
    return weight[counts], frame


def _key(frame: Frame, reading: Reading) -> Tensor | None:
    """What rows are split by, `[N]`."""
    if reading.key is None:
        return None
    if reading.key_is == "time":
        return frame.moments(reading.key)
    texts = frame.text(reading.key)
    if reading.key_is == "group":
        return torch.from_numpy(texts.rank("dense").cast(pl.Int64).to_numpy(writable=True)) - 1
    parts = texts.str.to_lowercase().cast(pl.Enum(PARTS), strict=False).to_physical()
    if parts.null_count():
        row = int(parts.is_null().arg_true()[0])
        raise DataError(f"{frame.cell(row, reading.key)}: '{texts[row][:40]}' is none of {', '.join(PARTS)}")
    return torch.from_numpy(parts.cast(pl.Int64).to_numpy(writable=True))


def _task(frame: Frame, target: Column) -> str:
    """Whether a target is classes or values: values if most cells are numbers, and any has a point or an exponent."""
    if target.kind != "number" or frame.data[target.name].dtype.is_integer():
        return "classification"
    if frame.data[target.name].dtype.is_float():
        return "regression"
    texts = frame.data[target.name].cast(pl.String).str.strip_chars()  # with the point of 1.0
    numbers = texts.filter(texts.cast(pl.Float64, strict=False).is_not_null())
    return "classification" if numbers.str.contains(r"^[+-]?[0-9]+$").all() else "regression"


def _classes(frame: Frame, target: Column) -> tuple[str, ...]:
    """The different labels. Raises DataError where there is one alone."""
    name, texts = target.name, frame.text(target.name)
    classes = ordered(texts.unique().to_list())
    if target.kind == "category" and names_rows(len(classes), len(texts)):
        raise DataError(
            f"'{frame.name}': column '{name}' has {len(classes)} different texts in {len(texts)} rows, so many that "
            "they name rows and not classes; another column is meant perhaps"
        )
    if len(classes) < 2:
        raise DataError(
            f"'{frame.name}': column '{name}' has one class only ('{classes[0][:40]}'); there is nothing to learn"
        )
    return classes


def _labels(frame: Frame, name: str, classes: Sequence[str]) -> Tensor:
    """A column's labels as int64 `[N]`, by their place in `classes`. Raises DataError for one that is not there."""
    texts = frame.text(name)
    labels = texts.cast(pl.Enum(classes), strict=False).to_physical()
    if labels.null_count():
        row = int(labels.is_null().arg_true()[0])
        raise DataError(f"{frame.cell(row, name)}: unknown class '{texts[row][:40]}'; there are: {quoted(classes)}")
    return torch.from_numpy(labels.cast(pl.Int64).to_numpy(writable=True))


def _values(frame: Frame, names: Sequence[str]) -> Tensor:
    """Columns of numbers, float64 `[N, T]`."""
    return _stacked(frame, numeric(*names), are_features=False)


def _stacked(frame: Frame, columns: Sequence[Column], are_features: bool = True) -> Tensor:
    """Columns side by side, float64 `[N, columns]`."""
    numbers = torch.empty(len(frame), len(columns), dtype=torch.float64)
    for place, column in enumerate(columns):
        numbers[:, place] = frame.numbers(column, are_features)
    return numbers
