"""What every component must do, of whatever kind."""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from minidl_core.errors import ArgumentError, RequestError
from minidl_core.plugins import registry
from minidl_core.spec import parse
from minidl_core.spec.component import Component, check_type, component_hint, constructor, hints
from minidl_core.spec.signature import documentation, signature, signature_of
from minidl_core.testing.result import CheckFailed, fails_unless
from minidl_core.testing.subject import Subject

OF_OTHER_TYPES = ("no such thing", 1.5, float("nan"), float("inf"), True, None, -7, ("no", "such"))
EXTREMES = (-1e30, -1, 0, 1e30)


def it_is_built_and_documented(subject: Subject[Component]) -> None:
    """It can be built, and its docstring is where `minidl show` finds it, without importing anything."""
    try:
        subject.build()
    except ArgumentError as error:
        raise CheckFailed(
            f"{error}; say what to build it with: Conformance(examples=({{...}},)), or for a layer's sizes "
            "input_argument and output_argument"
        ) from error
    fails_unless(bool((subject.component_class.__doc__ or "").strip()), "its class has no docstring")
    registration = registry().of(subject.component_class)
    if registration is None:
        return
    fails_unless(bool(documentation(registration)), "its docstring cannot be read without importing it")
    fails_unless(bool(registration.summary.strip()), "its registration has no summary")
    read, imported = signature(registration), signature_of(subject.component_class)
    fails_unless(
        read == imported, f"its arguments, read without importing it, are {read}, and imported they are {imported}"
    )


def its_spec_builds_it_again(subject: Subject[Component]) -> None:
    """`str` gives a spec that builds an equal component, under the bare and under the qualified name."""
    subject.require_registered()
    component = subject.build()
    text = str(component)
    registration = registry().of(subject.component_class)
    assert registration is not None
    qualified = registration.qualified_name + text.removeprefix(registry().name_to_write(registration))
    for spec in dict.fromkeys((text, qualified)) if text.startswith(registration.name) else (text,):
        again = subject.from_spec(spec)
        fails_unless(str(again) == text, f"'{spec}' builds '{again}'")
        fails_unless(parse(text) == again, f"'{text}' is not the syntax tree of what it builds")


def a_copy_is_equal_and_another(subject: Subject[Component]) -> None:
    """`copy.deepcopy` gives another component with the same spec."""
    component = subject.build()
    again = copy.deepcopy(component)
    fails_unless(again is not component, "a copy is the component itself")
    fails_unless(str(again) == str(component), f"a copy of '{component}' is '{again}'")


def bad_arguments_are_refused_when_it_is_built(subject: Subject[Component]) -> None:
    """A value of another type is refused for each argument, and for a number one that is out of range too."""
    component_class, conformance = subject.component_class, subject.conformance
    for name in constructor(component_class).parameters:
        hint = hints(component_class).get(name)
        fails_unless(hint is not None, f"argument '{name}' has no type hint, so that any value is taken")
        for value in OF_OTHER_TYPES:
            if not _conforms(component_class, name, value):
                _require_refused(subject, {name: value})
        if name not in conformance.unbounded:
            candidates = list(_extremes(component_class, name, subject.build().arguments[name]))
            if candidates and not any(_is_refused(subject, {name: value}) for value in candidates):
                shown = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in candidates)
                raise CheckFailed(
                    f"argument '{name}' takes each of {shown}; refuse what makes no sense with "
                    "`require`, or name it in Conformance(unbounded=...)"
                )
    for changed in conformance.refused:
        _require_refused(subject, changed)


def _conforms(component_class: type[Component], name: str, value: Any) -> bool:
    if isinstance(value, str) and component_hint(component_class, name) is not None:
        return False  # the spec of no component
    try:
        check_type(component_class, name, value)
    except ArgumentError:
        return False
    return True


def _extremes(component_class: type[Component], name: str, present: Any) -> Iterator[Any]:
    """Values of the right type that few numbers make sense as, one or a list of them."""
    hint = hints(component_class).get(name)
    alternatives = typing.get_args(hint) or (hint,)
    if int in alternatives or float in alternatives:
        yield from (value for value in EXTREMES if _conforms(component_class, name, value))
    elif isinstance(present, Sequence) and not isinstance(present, str):
        lists = ([value] * len(present) for value in EXTREMES)
        yield from (value for value in lists if _conforms(component_class, name, value))


def _is_refused(subject: Subject[Component], changed: dict[str, Any]) -> bool:
    try:
        _require_refused(subject, changed)
    except NotRefused:
        return False
    return True


def _require_refused(subject: Subject[Component], changed: typing.Mapping[str, Any]) -> None:
    shown = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    try:
        subject.build(**changed)
    except RequestError:
        return
    except Exception as error:
        raise CheckFailed(f"{shown} raises {type(error).__name__} and not ArgumentError: {error}") from error
    raise NotRefused(f"{shown} is not refused")


class NotRefused(CheckFailed):
    """A value is taken."""


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    it_is_built_and_documented,
    its_spec_builds_it_again,
    a_copy_is_equal_and_another,
    bad_arguments_are_refused_when_it_is_built,
)
