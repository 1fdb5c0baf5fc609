"""A pytest test for each check of a package's own components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidl_core.errors import RequestError
from minidl_core.installed import why_no_plugin
from minidl_core.plugins import PluginReport, loaded_plugins
from minidl_core.registry import canonical
from minidl_core.testing.kit import Check, checks_of

if TYPE_CHECKING:
    import pytest


def parametrize_components(distribution: str) -> pytest.MarkDecorator:
    """Run a test once for each check of each component that a distribution registers; a new component is found.

        @parametrize_components(distribution="minidl-extra-losses")
        def test_conformance(check):
            check()

    Raises RequestError where there is nothing to check: the distribution is not installed, is not in use, or registers
    nothing.
    """
    import pytest

    checks = checks_of_distribution(distribution)
    return pytest.mark.parametrize(
        "check", [pytest.param(one, id=str(one), marks=pytest.mark.conformance) for one in checks]
    )


def checks_of_distribution(distribution: str) -> list[Check]:
    """The checks of all components that a distribution registers; never none."""
    reports = [
        report
        for report in loaded_plugins().reports
        if canonical(report.provider.distribution) == canonical(distribution)
    ]
    if not reports:
        raise RequestError(f"no plugin of distribution '{distribution}' is installed; {why_no_plugin(distribution)}")
    checks = [
        check
        for report in reports
        for component in report.components
        for check in checks_of(component.kind, component.qualified_name)
    ]
    if not checks:
        raise RequestError(f"nothing of '{distribution}' can be checked: {'; '.join(map(_why_nothing, reports))}")
    return checks


def _why_nothing(report: PluginReport) -> str:
    return f"plugin '{report.provider.plugin}' is {report.state}, {report.reason or 'and registers nothing'}"
