"""What a training is asked to learn from -> the parts of each round."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from minidl_core.data import Dataset, MappedTable, Table, open_data
from minidl_core.data.reading import STANDARD_INPUT, Reading
from minidl_core.data.rounds import RoundData, draw, split
from minidl_core.data.source import open_table, open_table_like
from minidl_core.data.splits import PARTS, By, Splitting
from minidl_core.errors import RequestError

TEST_FRACTION = VALIDATION_FRACTION = 0.2


@dataclass(frozen=True)
class SplitRequest:
    """What is to become of the rows; see `train`."""

    test: Any = None
    test_fraction: float | None = None
    validation: Any = None
    validation_fraction: float | None = None
    folds: int | None = None
    resplit: bool = True
    is_stopped: bool = False
    """Whether rounds stop by what is held out for validation."""

    def splitting(self, by: By) -> Splitting:
        """What the request means for a table. Raises RequestError for parts that exclude each other."""
        named = [name for name in ("test", "test_fraction", "folds") if getattr(self, name) is not None]
        named += ["split"] if by == "part" else []
        if len(named) > 1:
            raise RequestError(
                f"{' and '.join(named)} each say what is for test; leave out all but one".replace("_", " ")
            )
        if self.validation is not None and self.validation_fraction is not None:
            raise RequestError("validation data and a validation fraction exclude each other; leave one out")
        held_out = TEST_FRACTION if self.test_fraction is None else self.test_fraction
        validated = self.validation_fraction
        if validated is None:
            validated = VALIDATION_FRACTION if self.is_stopped and self.validation is None else 0.0
        return Splitting(0.0 if self.test is not None else held_out, validated, by, self.folds, self.resplit)


def split_key(**columns: str | None) -> tuple[By, str | None]:
    """What the column is that rows are split by, `split`, `group` or `time`, and its name; None where none is given."""
    given = [name for name, column in columns.items() if column is not None]
    if len(given) > 1:
        raise RequestError(f"rows are split by {' or by '.join(given)}, and not by several; leave out all but one")
    if not given:
        return "chance", None
    kinds: dict[str, By] = {"split": "part", "group": "group", "time": "time"}
    return kinds[given[0]], columns[given[0]]


def round_data(data: Any, reading: Reading, request: SplitRequest, seeds: Sequence[int]) -> RoundData:
    """The training, the validation and the test part of each round. For `data` see `train`."""
    if sum(isinstance(one, str) and one == STANDARD_INPUT for one in (data, request.test, request.validation)) > 1:
        raise RequestError("standard input can be read once; save one of the tables in a file")
    source = _opened(data, reading)
    if isinstance(source, Dataset):
        return _drawn(source, request, seeds)
    splitting = request.splitting(reading.key_is)
    if splitting.by == "part" and request.validation_fraction is not None and _says_validation(source):
        raise RequestError("the split column says what is for validation; leave the validation fraction out")
    validation, test = (_like(other, source, reading) for other in (request.validation, request.test))
    if isinstance(validation, MappedTable):
        raise RequestError(
            "validation data cannot be a .npy file, which is read in blocks; save it as .parquet or .csv"
        )
    return split(source, splitting, seeds, validation, test)


def _says_validation(table: Table | MappedTable) -> bool:
    """Whether the column that says the part of each row says of some that they are for validation."""
    key = table.key if isinstance(table, Table) else None
    return key is not None and bool((key == PARTS.index("validation")).any())


def _opened(data: Any, reading: Reading) -> Dataset | Table | MappedTable:
    """The dataset or the table that is given, named, or to be read."""
    if isinstance(data, str | os.PathLike):
        return open_data(os.fspath(data), reading)
    if not isinstance(data, Dataset | Table | MappedTable):
        return open_table(data, reading)
    if replace(reading, missing=None) != Reading():
        raise RequestError(
            "a table that was read, and a dataset, have their own target, task and columns; leave out what is said of "
            "them, or give the file or the frame"
        )
    if isinstance(data, Table):
        return data.completed(reading.missing)
    if reading.missing is not None:
        raise RequestError(f"a dataset, and a table in blocks, lack no cells; leave missing '{reading.missing}' out")
    return data


def _drawn(dataset: Dataset, request: SplitRequest, seeds: Sequence[int]) -> RoundData:
    """The samples of a dataset."""
    if request.validation_fraction or any(
        given is not None for given in (request.test, request.test_fraction, request.validation, request.folds)
    ):
        raise RequestError(
            "a dataset draws its own samples; leave folds, test and validation data, and their fractions out (0 for "
            "validation may stay)"
        )
    draws_validation = request.is_stopped and request.validation_fraction is None
    return draw(dataset, seeds if request.resplit else seeds[:1], draws_validation)


def _like(data: Any, table: Table | MappedTable, reading: Reading) -> Table | MappedTable | None:
    """Other data with the columns of a table."""
    if data is None:
        return None
    if isinstance(data, Table | MappedTable):
        for name, is_same in (
            ("features", data.columns == table.columns),
            ("targets", data.target_names == table.target_names),
            ("classes", data.classes == table.classes),
        ):
            if not is_same:
                raise RequestError(
                    f"test and validation data must have the {name} of the training data, in the same order; "
                    "give the file or the frame itself, which is then read so"
                )
        return data.completed(reading.missing) if isinstance(data, Table) else data
    weight = table.weight_name if isinstance(table, Table) else None
    names = (table.columns, table.target_names, table.classes)
    return open_table_like(data, *names, reading.missing, weight)
