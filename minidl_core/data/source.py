"""DATA, as a user names it: a file or a registered dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from minidl_core.data.mapped import MappedTable, map_table, map_table_like
from minidl_core.data.npy import NpyFile
from minidl_core.data.readers import SEPARATORS, read_cells, read_table, read_table_like
from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.errors import DataError, RequestError
from minidl_core.nearest import nearest
from minidl_core.plugins import registry
from minidl_core.spec import build_component


def is_mapped(path: str) -> bool:
    """Whether a file's rows are read block by block, as they are needed."""
    return Path(path).suffix.lower() == ".npy"


def is_file(data: str) -> bool:
    """Whether DATA names a file (that may be missing) and not a dataset."""
    return Path(data).suffix.lower() in SEPARATORS or is_mapped(data) or "/" in data or Path(data).is_file()


def open_data(data: str, target: str | None = None, task: str | None = None) -> Table | MappedTable | Dataset:
    """The table or the dataset that DATA names.

    Raises:
        DataError: for a file that is missing or cannot be read.
        RequestError: for a dataset that is not registered, or a target that is missing or out of place.
    """
    if is_file(data):
        if not Path(data).is_file():
            raise DataError(f"there is no file '{data}'")
        if target is None:
            header = NpyFile.open(data).columns if is_mapped(data) else read_cells(data).header
            columns = ", ".join(f"'{name}'" for name in header)
            raise RequestError(f"'{data}' needs a target, the column to predict; its columns: {columns}")
        return map_table(data, target, task) if is_mapped(data) else read_table(data, target, task)
    name = data.partition("(")[0].strip()
    if name == data and nearest(name, registry().names("dataset")) is None:
        datasets = ", ".join(registry().names("dataset"))
        raise RequestError(f"there is no file and no dataset '{data}'; the datasets are: {datasets}")
    dataset: Dataset = build_component("dataset", data)
    for option, value in ("target", target), ("task", task):
        if value is not None:
            raise RequestError(f"dataset '{name}' has its own {option}; leave the {option} '{value}' out")
    return dataset


def open_data_like(
    path: str, features: Sequence[str], target: str, classes: Sequence[str] | None
) -> Table | MappedTable:
    """The columns of a file that a model was trained on, in whatever order they are, and no others."""
    read = map_table_like if is_mapped(path) else read_table_like
    return read(path, features, target, classes)
