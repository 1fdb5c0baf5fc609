"""Runs beside each other: in what they were asked to differ, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minidl_core.data.splits import PARTS
from minidl_core.errors import ModelFileError
from minidl_core.persistence.lock import is_locked
from minidl_core.runs.record import FILE_NAME, Record, read_record


def runs_in(folder: Path) -> Iterator[tuple[Path, Record | ModelFileError]]:
    """The runs within a folder, by name; an error for each that cannot be read."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (path / FILE_NAME).exists():
            try:
                yield path, read_record(path)
            except ModelFileError as error:
                yield path, error


def state_of(path: Path, record: Record) -> str:
    """Its state; that of a run which was killed is `killed`."""
    return "killed" if record.state == "running" and not is_locked(path) else record.state


def scores(record: Record) -> dict[str, Any]:
    """What it is told by, the loss last: the figures of the part for test, else for validation, else for training."""
    part = next((part for part in ("test", "validation", "train") if part in record.figures), None)
    figures = {} if part is None else record.figures[part]
    names = sorted(figures, key=lambda name: name == "loss")
    return {f"{part} {name}": figures[name] for name in names}


def by_name(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all parts by one name each, `test accuracy`, in the order of the parts."""
    return {f"{part} {name}": figure for part in PARTS for name, figure in figures.get(part, {}).items()}


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs, by key; None for what is not there."""
    keys = {**one, **other}
    return {key: (one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)}
