"""The report of a run."""

from __future__ import annotations

import inspect
from typing import Any

from minidl_core.runs.record import Record
from minidl_core.training import Training


def report_of(training: Training, record: Record) -> str:
    """The page. Raises RequestError where what draws it is not installed."""
    from minidl_core.pictures import About, report_html

    state: Any = record.state
    about = About(
        data=str(record.request["data"]),
        when=record.started,
        state=state,
        versions=record.versions,
        problem=record.problem,
    )
    return report_html(training, record.request, _defaults(), about, record.warnings)


def _defaults() -> dict[str, Any]:
    """What is taken where nothing is asked for."""
    from minidl_core.runs.trainings import train

    parameters = inspect.signature(train).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}
