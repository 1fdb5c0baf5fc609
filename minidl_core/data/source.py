"""DATA, as a user names or gives it: a file, a registered dataset, a frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minidl_core.data.columns import Column
from minidl_core.data.mapped import MappedTable, map_reading, map_table_like
from minidl_core.data.reading import STANDARD_INPUT, Reading, Task
from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.errors import DataError, RequestError
from minidl_core.nearest import nearest
from minidl_core.plugins import registry
from minidl_core.spec import build_component

if TYPE_CHECKING:
    from torch import Tensor

    from minidl_core.data.frame import Frame

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".npz", ".npy")
"""Of the files that are read."""


def is_mapped(path: str) -> bool:
    """Whether a file's rows are read block by block, as they are needed."""
    return Path(path).suffix.lower() == ".npy"


def is_file(data: str) -> bool:
    """Whether DATA names a file (that may be missing) or standard input, and not a dataset."""
    is_known = Path(data).suffix.lower() in SUFFIXES
    return data == STANDARD_INPUT or is_known or "/" in data or os.path.isfile(data)


def read_table(
    data: Any,
    target: str | Sequence[str],
    task: Task | None = None,
    *,
    features: str | Sequence[str] = (),
    drop: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    missing: str | None = None,
    weight: str | None = None,
) -> Table | MappedTable:
    """Read a table: its target, and all other columns or some of them as features.

    Args:
        data: the path of a file (`.csv`, `.tsv`, `.parquet`, `.jsonl`, `.npz`; `.npy` is read in blocks), `-` for
            standard input, a frame of polars or pandas, or an array of NumPy's.
        target: the column to predict, or several of numbers.
        task, features, drop, categorical, missing, weight: see `train`.

    Raises:
        RequestError: where a column that is named is not there, with those that are.
        DataError: for what cannot be read as a table of numbers, booleans and categories.
    """
    return open_table(data, Reading(target, task, features, drop, categorical, missing, weight))


def open_table(data: Any, reading: Reading) -> Table | MappedTable:
    """The table in a file or a frame."""
    if isinstance(data, str | os.PathLike) and is_mapped(os.fspath(data)):
        return map_reading(_existing(os.fspath(data)), reading)
    frame = open_frame(data, reading.texts())
    from minidl_core.data.readers import read_table

    return read_table(frame, reading)


def open_frame(data: Any, texts: Collection[str] | None = None) -> Frame:
    """The cells of a file or a frame. Raises RequestError for what is neither, and where polars is not installed.

    Args:
        texts: the columns of a text file whose cells are texts whatever they look like; None for all.
    """
    if not isinstance(data, str | os.PathLike) and not is_frame(data):
        raise RequestError(
            "data must be a dataset, a minidl_core.Table, a frame of polars or pandas, an array of NumPy's, or the "
            f"spec or the path of one; got {type(data).__name__}"
        )
    try:
        from minidl_core.data import files
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        raise RequestError(
            "tables are read with polars, which is not installed: pip install 'minidl-core[tables]' (.npy files "
            "and the registered datasets need none)"
        ) from None
    if isinstance(data, str | os.PathLike):
        return files.read_frame(_existing(os.fspath(data)), texts)
    return files.frame_of(data)


def is_frame(data: object) -> bool:
    """Whether this is a frame of polars or of pandas, or an array of NumPy's."""
    names = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(data).__mro__}
    return bool(names & {"polars.DataFrame", "pandas.DataFrame", "numpy.ndarray"})


def open_data(data: str, reading: Reading | None = None) -> Table | MappedTable | Dataset:
    """The table or the dataset that DATA names.

    Raises:
        DataError: for a file that is missing or cannot be read.
        RequestError: for a dataset that is not registered, or a request that it has no use for.
    """
    reading = reading or Reading()
    if is_file(data):
        return open_table(data, reading)
    name = data.partition("(")[0].strip()
    if name == data and nearest(name, registry().names("dataset")) is None:
        datasets = ", ".join(registry().names("dataset"))
        raise RequestError(f"there is no file and no dataset '{data}'; the datasets are: {datasets}")
    dataset: Dataset = build_component("dataset", data)
    for option in ("target", "task", "features", "drop", "categorical", "missing", "weight", "key"):
        if given := getattr(reading, option):
            raise RequestError(
                f"dataset '{name}' has its own columns; leave the {option if option != 'key' else 'split'} "
                f"'{given if isinstance(given, str) else ', '.join(given)}' out"
            )
    return dataset


def open_table_like(
    data: Any,
    columns: Sequence[Column],
    targets: Sequence[str],
    classes: Sequence[str] | None,
    missing: str | None = None,
    weight: str | None = None,
) -> Table | MappedTable:
    """The columns of a file or a frame that a model was trained on, in whatever order they are, and no others.

    Args:
        missing, weight: as in training.
    """
    if isinstance(data, str | os.PathLike) and is_mapped(os.fspath(data)):
        if weight is not None:
            raise DataError(
                f"'{data}' is read in blocks, and can have no weights, which the model was trained with ('{weight}'); "
                "save it as .parquet or .csv"
            )
        return map_table_like(_existing(os.fspath(data)), columns, targets, classes)
    frame = open_frame(data, [*targets, *(column.name for column in columns if column.kind == "category")])
    from minidl_core.data.readers import read_table_like

    return read_table_like(frame, columns, targets, classes, missing, weight)


def open_features(
    data: Any, columns: Sequence[Column], missing: str | None, others: Sequence[str | None] = ()
) -> tuple[Frame, Tensor]:
    """A frame, and what a model that was trained on these columns takes of it, `[N, columns]`.

    Args:
        others: columns that may be there too; all else is told not to be used.
    """
    frame = open_frame(data)
    from minidl_core.data.readers import read_features

    return frame, read_features(frame, columns, missing, others)


def _existing(path: str) -> str:
    if path != STANDARD_INPUT and not os.path.exists(path):
        raise DataError(f"there is no file '{path}'")
    return path
