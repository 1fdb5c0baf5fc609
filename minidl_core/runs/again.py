"""A run's experiment, once more."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minidl_core.data.reading import STANDARD_INPUT
from minidl_core.data.source import is_file
from minidl_core.errors import DataError, MinidlError, ModelFileError
from minidl_core.runs.data_hash import data_hash
from minidl_core.runs.record import Record
from minidl_core.runs.request_json import DATA, from_json
from minidl_core.runs.versions import differences, versions
from minidl_core.training import Experiment
from minidl_core.training.providers import names_of

log = logging.getLogger("minidl")


def as_it_was(record: Record) -> Experiment:
    """The same request, of the same data. Tells which versions are others.

    Raises DataError where the data is not what it was, and ModelFileError for a request that cannot be.
    """
    if changed := differences(record.versions, versions()):
        log.warning("numbers may differ by rounding, or more, from those of the run: %s", "; ".join(changed))
    try:
        experiment = Experiment(from_json(with_paths(record), names_of(record.providers)))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        if isinstance(error, MinidlError):
            raise
        raise ModelFileError(f"its request is not one that minidl wrote ({type(error).__name__}: {error})") from error
    if data_hash(experiment.data) != record.data.get("sha256"):
        raise DataError(
            f"the data, '{record.request['data']}', is not what it was when the run began; begin another run, or bring "
            "back the data of then"
        )
    return experiment


def with_paths(record: Record) -> Mapping[str, Any]:
    """The request, with the paths of its data from where they were given."""
    request = dict(record.request)
    if Path(record.working_directory) == Path.cwd():
        return request
    for name in DATA:
        path = request.get(name)
        if isinstance(path, str) and path != STANDARD_INPUT:
            from_there = str(Path(record.working_directory, path))
            if is_file(path) or os.path.isfile(from_there):
                request[name] = from_there
    return request
