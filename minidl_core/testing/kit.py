"""Runs the checks of a component."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from minidl_core.errors import PluginError, RequestError
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.spec.component import Component
from minidl_core.spec.conformance import Conformance
from minidl_core.testing import datasets, every, initializers, layers, losses, metrics, optimizers
from minidl_core.testing.result import CheckFailed, Result, Skipped
from minidl_core.testing.subject import Subject, subjects

SEED = 0

OF_KIND: dict[str, tuple[Callable[[Any], None], ...]] = {
    "layer": layers.CHECKS,
    "loss": losses.CHECKS,
    "optimizer": optimizers.CHECKS,
    "initializer": initializers.CHECKS,
    "dataset": datasets.CHECKS,
    "metric": metrics.CHECKS,
}


@dataclass(frozen=True)
class Check:
    """One check of one component, built in one way."""

    function: Callable[[Any], None]
    subject: Subject[Any] | str
    """What is checked; of a class that cannot be imported, its name."""

    @property
    def name(self) -> str:
        """What the component must do, as a sentence."""
        return sentence(self.function)

    def run(self) -> Result:
        """What came of it; nothing is raised."""
        declared = self.subject.conformance.expected_failures if isinstance(self.subject, Subject) else {}
        expected = declared.get(self.name)
        subject = str(self.subject)
        try:
            # What a component prints does not mix with results.
            with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                self.function(self.subject)
        except Skipped as why:
            return Result(subject, self.name, "skipped", str(why))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a component may raise SystemExit and the like
            detail = str(error) if isinstance(error, CheckFailed) else f"{type(error).__name__}: {error}"
            detail = " ".join(detail.split())
            if expected is not None:
                return Result(subject, self.name, "failed as expected", f"{expected} ({detail})")
            return Result(subject, self.name, "failed", detail)
        if expected is not None:
            return Result(subject, self.name, "passed unexpectedly", f"it was expected to fail: {expected}")
        return Result(subject, self.name, "passed")

    def __call__(self) -> None:
        """Run it within pytest: raises CheckFailed where it fails, and skips where it does not apply."""
        import pytest

        result = self.run()
        if result.outcome == "skipped":
            pytest.skip(result.detail)
        if result.outcome == "failed as expected":
            pytest.xfail(result.detail)
        if not result.ok:
            raise CheckFailed(str(result))

    def __str__(self) -> str:
        return f"{self.subject}: {self.name}"


def check_component(
    kind: str, name_or_class: str | type[Component], conformance: Conformance | None = None
) -> list[Result]:
    """Run all checks of a component, and return what came of each.

    Args:
        kind: `layer`, `loss`, `optimizer`, `initializer`, `dataset` or `metric`.
        name_or_class: a registered name, bare or qualified, or a class, which need not be registered.
        conformance: what to assume of the component; None takes what its class says.

    Raises:
        UnknownNameError: for a name that nothing is registered under.
        RequestError: for a kind that has no checks, and a class of another kind.
    """
    return [check.run() for check in checks_of(kind, name_or_class, conformance)]


def checks_of(kind: str, name_or_class: str | type[Component], conformance: Conformance | None = None) -> list[Check]:
    """The checks that `check_component` runs; never none. A class that cannot be imported has one, which fails."""
    if kind not in OF_KIND:
        raise RequestError(f"there are no checks of kind '{kind}'; there are of {', '.join(OF_KIND)}")
    component_class = name_or_class
    if isinstance(component_class, str):
        registration = registry().find(kind, component_class)
        try:
            component_class = registration.load()
        except PluginError as error:
            return [Check(_failing_import(error), registration.qualified_name)]
    if getattr(component_class, "kind", None) != kind:
        raise RequestError(f"{component_class.__name__} is not of kind '{kind}'")
    declared = conformance or component_class.conformance
    functions = (*every.CHECKS, *OF_KIND[kind])
    names = [sentence(function) for function in functions]
    for unknown in set(declared.expected_failures) - set(names):
        refused = f"expected_failures of {component_class.__name__} names no check: '{unknown}'"
        raise RequestError(f"{refused}; {did_you_mean(unknown, names)}")
    return [Check(function, subject) for subject in subjects(component_class, declared) for function in functions]


def sentence(function: Callable[[Any], None]) -> str:
    """The name of a check."""
    return function.__name__.replace("_", " ")


def _failing_import(error: PluginError) -> Callable[[Any], None]:
    def it_can_be_imported(_: object) -> None:
        raise CheckFailed(str(error)) from error

    return it_can_be_imported
