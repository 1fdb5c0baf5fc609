"""Runs the checks of a component."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from minidl_core.errors import PluginError, RequestError
from minidl_core.foreign import foreign_code
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.spec.component import Component, constructor
from minidl_core.spec.conformance import Conformance
from minidl_core.testing import (
    datasets,
    every,
    initializers,
    layer_subject,
    layers,
    loss_subject,
    losses,
    metrics,
    optimizers,
    schedules,
)
from minidl_core.testing.differences import differ
from minidl_core.testing.result import CheckFailed, Result, Skipped
from minidl_core.testing.subject import FromSpec, Subject, subjects

SEED = 0
_Check = Callable[[Subject[Any]], None]

OF_KIND: dict[str, tuple[Callable[[Any], None], ...]] = {
    "layer": layers.CHECKS,
    "loss": losses.CHECKS,
    "optimizer": optimizers.CHECKS,
    "initializer": initializers.CHECKS,
    "dataset": datasets.CHECKS,
    "metric": metrics.CHECKS,
    "schedule": schedules.CHECKS,
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
        """What came of it; nothing is raised, and what the component prints does not mix with results."""
        declared = self.subject.conformance.expected_failures if isinstance(self.subject, Subject) else {}
        expected = declared.get(self.name)
        subject = str(self.subject)
        try:
            with torch.random.fork_rng(devices=[]), foreign_code(CheckFailed, Skipped):
                torch.manual_seed(SEED)
                self.function(self.subject)
        except Skipped as why:
            return Result(subject, self.name, "skipped", str(why))
        except (CheckFailed, PluginError) as error:
            detail = " ".join(str(error).split()) + _place(error.__cause__ if isinstance(error, PluginError) else None)
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
        kind: `layer`, `loss`, `optimizer`, `initializer`, `dataset`, `metric` or `schedule`.
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
    functions = [*every.CHECKS, *OF_KIND[kind], built_from_its_spec_it_does_the_same]
    varied = [*functions, its_arguments_change_what_it_does]
    names = [sentence(function) for function in varied]
    for unknown in set(declared.expected_failures) - set(names):
        refused = f"expected_failures of {component_class.__name__} names no check: '{unknown}'"
        raise RequestError(f"{refused}; {did_you_mean(unknown, names)}")
    _require_known(component_class, declared)
    return [
        Check(function, subject)
        for subject in subjects(component_class, declared)
        for function in _functions_for(subject, functions, varied)
    ]


def _functions_for(subject: Subject[Any], functions: list[_Check], varied: list[_Check]) -> list[_Check]:
    """All checks of a component that can be built; else the one that says so."""
    if not _can_be_built(subject):
        return functions[:1]
    return functions if subject.varies is None else varied


def _require_known(component_class: type[Component], declared: Conformance) -> None:
    """Raise RequestError for a declaration that says nothing: of arguments that are none, or without a reason."""
    arguments = list(constructor(component_class).parameters)
    named = [*declared.unbounded, *(name for one in (*declared.examples, *declared.refused) for name in one)]
    for name in named:
        if name not in arguments:
            unknown = f"conformance of {component_class.__name__} names no argument: '{name}'"
            raise RequestError(f"{unknown}; {did_you_mean(name, arguments)}")
    for check, reason in declared.expected_failures.items():
        if not reason.strip():
            raise RequestError(f"expected_failures of {component_class.__name__} gives no reason for '{check}'")


def _can_be_built(subject: Subject[Any]) -> bool:
    """Whether there is anything to check beyond that it cannot be built."""
    try:
        with foreign_code():
            subject.build()
    except PluginError:
        return False
    return True


_BEHAVIOUR: dict[str, Callable[[Subject[Any]], list[torch.Tensor]]] = {
    "layer": layer_subject.behaviour,
    "loss": loss_subject.behaviour,
    "optimizer": optimizers.behaviour,
    "initializer": initializers.behaviour,
    "dataset": datasets.behaviour,
    "metric": metrics.behaviour,
    "schedule": schedules.behaviour,
}


def built_from_its_spec_it_does_the_same(subject: Subject[Any]) -> None:
    """As it is written into a model file and read from there: all that can be seen is the same bit for bit."""
    subject.require_registered()
    seen = _BEHAVIOUR[subject.component_class.kind]
    again = FromSpec(subject.component_class, subject.arguments, subject.conformance)
    if differ(seen(again), seen(subject)):
        raise CheckFailed(f"'{subject}' builds what does something else")


def its_arguments_change_what_it_does(subject: Subject[Any]) -> None:
    """With another value of one argument, something that can be seen is another."""
    assert subject.varies is not None
    seen = _BEHAVIOUR[subject.component_class.kind]
    if not differ(seen(subject), seen(subject.varies)):
        raise CheckFailed(f"it does just what it does as '{subject.varies}'; the argument changes nothing")


def _place(error: BaseException | None) -> str:
    """Where an error was raised that no check foresaw."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def sentence(function: Callable[[Any], None]) -> str:
    """The name of a check."""
    return function.__name__.replace("_", " ")


def _failing_import(error: PluginError) -> Callable[[Any], None]:
    def it_can_be_imported(_: object) -> None:
        raise CheckFailed(str(error)) from error

    return it_can_be_imported
