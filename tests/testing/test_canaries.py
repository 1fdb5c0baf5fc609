"""The kit rejects what is wrong: every canary by the check that it names, and no check is there that cannot fail."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

from minidl_core.plugins import registry
from minidl_core.spec.component import Component
from minidl_core.testing import checks_of

FOLDER = Path(__file__).parent / "canaries"


def canaries() -> list[type[Component]]:
    """Every class of the folder that says what must reject it."""
    found = []
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        spec = importlib.util.spec_from_file_location(f"canaries_{path.stem}", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [one for one in vars(module).values() if inspect.isclass(one) and "rejected_by" in vars(one)]
    return found


CANARIES = canaries()


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: f"{canary.kind}-{canary.__name__}")
def test_the_kit_rejects_each_canary_by_the_check_that_it_names(canary: type[Component]) -> None:
    name: str = canary.rejected_by  # type: ignore[attr-defined]
    results = [check.run() for check in checks_of(canary.kind, canary) if check.name == name]
    details = [result.detail for result in results if not result.ok]
    assert details, results
    detail = details[-1]
    says = getattr(canary, "says", None)
    if says is None:  # the check itself says what is wrong, and not whatever happened to be raised
        assert not re.match(r"[A-Z]\w+(Error|Exception|Exit)\b", detail), detail
    else:
        assert says in detail


def test_no_check_is_there_that_rejects_nothing() -> None:
    """But for those of a component's spec, which need one that is registered."""
    rejecting = {canary.rejected_by for canary in CANARIES}  # type: ignore[attr-defined]
    kinds = {registration.kind: registration.qualified_name for registration in registry().components()}
    checks = {check.name for kind, name in kinds.items() for check in checks_of(kind, name)}
    assert checks - rejecting == {
        "its spec builds it again",
        "built from its spec it does the same",
        "it is saved and loaded as it is",
    }
    assert rejecting <= checks


def test_there_are_canaries_of_every_kind() -> None:
    assert {canary.kind for canary in CANARIES} == {registration.kind for registration in registry().components()}
