"""DATA, as a user names it: a file or a registered dataset."""

from __future__ import annotations

from pathlib import Path

from minidl_core.data.readers import SEPARATORS, read_cells, read_table
from minidl_core.data.table import Table
from minidl_core.data.toy import Dataset
from minidl_core.errors import DataError, RequestError
from minidl_core.nearest import nearest
from minidl_core.plugins import registry
from minidl_core.spec import build_component


def is_file(data: str) -> bool:
    """Whether DATA names a file (that may be missing) and not a dataset."""
    return Path(data).suffix.lower() in SEPARATORS or "/" in data or Path(data).is_file()


def open_data(data: str, target: str | None = None, task: str | None = None) -> Table | Dataset:
    """The table or the dataset that DATA names.

    Raises:
        DataError: for a file that is missing or cannot be read.
        RequestError: for a dataset that is not registered, or a target that is missing or out of place.
    """
    if is_file(data):
        if not Path(data).is_file():
            raise DataError(f"there is no file '{data}'")
        if target is None:
            columns = ", ".join(f"'{name}'" for name in read_cells(data).header)
            raise RequestError(f"'{data}' needs a target, the column to predict; its columns: {columns}")
        return read_table(data, target, task)
    name = data.partition("(")[0].strip()
    if name == data and nearest(name, registry().names("dataset")) is None:
        datasets = ", ".join(registry().names("dataset"))
        raise RequestError(f"there is no file and no dataset '{data}'; the datasets are: {datasets}")
    dataset: Dataset = build_component("dataset", data)
    for option, value in ("target", target), ("task", task):
        if value is not None:
            raise RequestError(f"dataset '{name}' has its own {option}; leave the {option} '{value}' out")
    return dataset
