"""A request as JSON, with every default filled in, and back."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from minidl_core.data.reading import STANDARD_INPUT
from minidl_core.data.source import is_file
from minidl_core.data.toy import Dataset
from minidl_core.errors import ModelFileError, RequestError
from minidl_core.losses import Loss
from minidl_core.metrics import Metric
from minidl_core.optim import Optimizer
from minidl_core.persistence.strict_json import shown
from minidl_core.schedules import Schedule
from minidl_core.spec import build_component, build_model
from minidl_core.spec.calls import Names
from minidl_core.training import Experiment, Request

NAMES = tuple(field.name for field in fields(Request))
DATA = ("data", "test", "validation")
SEVERAL = ("target", "features", "drop", "categorical")
"""Names of columns: one alone is written as several are."""


def as_json(experiment: Experiment) -> dict[str, Any]:
    """What was asked for and, where nothing was said, what was taken."""
    request = experiment.request
    found = {name: _plain(getattr(request, name)) for name in NAMES}
    found |= {name: _named(getattr(request, name)) for name in DATA}
    found |= {name: [one] if isinstance(one := getattr(request, name), str) else list(one) for name in SEVERAL}
    found |= {
        "model": str(experiment.trained.model),
        "loss": str(experiment.trained.loss),
        "optimizer": str(experiment.optimizer),
        "schedule": str(experiment.schedule),
        "metrics": [str(Metric.of(one)) for one in request.metrics],
        "rounds": len(experiment.seeds),
        "seed": experiment.seeds[0],
        "threads": experiment.threads,
    }
    if not is_dataset(request.data):
        found["task"] = "regression" if experiment.data.classes is None else "classification"
        found |= experiment.fractions_held_out
    return found


def asked(request: Request) -> list[str]:
    """The names of what is not as it would be if nothing had been asked for."""
    from minidl_core.runs.trainings import train

    parameters = inspect.signature(train).parameters
    # Components and frames may compare in ways of their own.
    defaults = {name: parameters[name].default for name in NAMES} | {"model": None}
    return [name for name in NAMES if repr(getattr(request, name)) != repr(defaults[name])]


def from_json(found: Mapping[str, Any], names: Names) -> Request:
    """The request. What a spec names is what it was then, see `providers`. Raises ModelFileError for what is none."""
    if unknown := [name for name in found if name not in NAMES]:
        raise ModelFileError(f"its request has '{unknown[0][:60]}', which this minidl does not know")
    if missing := [name for name in NAMES if name not in found]:
        raise ModelFileError(f"its request lacks '{missing[0]}'")
    built = dict(found)
    for name in DATA:
        if found[name] == STANDARD_INPUT or not isinstance(found[name], str | None):
            raise RequestError(
                f"its {name} came from standard input or from memory, and cannot be read again; save it in a file, and "
                "train on that"
            )
    if not isinstance(found["metrics"], list):
        raise ModelFileError(f"its metrics must be a list of specs, got {shown(found['metrics'])}")
    for kind in Loss, Optimizer, Schedule:
        built[kind.kind] = build_component(kind.kind, found[kind.kind], names)
    built["model"] = build_model(found["model"], names=names)
    built["metrics"] = [build_component(Metric.kind, one, names) for one in found["metrics"]]
    if isinstance(found["data"], str) and is_dataset(found["data"]):
        built["data"] = build_component(Dataset.kind, found["data"], names)
    return Request(**built)


def is_dataset(data: Any) -> bool:
    return isinstance(data, Dataset) or (isinstance(data, str) and not is_file(data))


def _named(data: Any) -> Any:
    """The path or the spec of data; of what is in memory alone, what it is."""
    if isinstance(data, str | os.PathLike | None):
        return data if data is None else os.fspath(data)
    return str(data) if isinstance(data, Dataset) else {"in_memory": f"{type(data).__name__} of {len(data)} rows"}


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's."""
    return value.item() if isinstance(value, np.generic) else value
