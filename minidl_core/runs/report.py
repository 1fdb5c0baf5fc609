"""The report of a run."""

from __future__ import annotations

from typing import Any

from minidl_core.runs.record import Record
from minidl_core.training import Training

FILE_NAME = "report.html"


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
    not_asked = {name: value for name, value in record.request.items() if name not in record.asked}
    return report_html(training, record.request, not_asked, about, record.warnings)
