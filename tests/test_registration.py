"""What a name is imported from: the class that was promised, or an error that says what to do."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minidl_core.errors import PluginError
from minidl_core.plugins import load_plugins
from minidl_core.registry import BASES, CORE, KINDS, Provider, Registration, Registry

LINEAR = "minidl_core.nn.linear:Linear"
EXTRA = Provider("extra", "minidl-extra", "1.0")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to put modules in, whose names begin with `reg_`."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("reg_")]:
        del sys.modules[name]


def loading(target: str, kind: str = "layer") -> str:
    """Why a component cannot be loaded from a target."""
    with pytest.raises(PluginError) as refused:
        Registration(kind, "any", target, "", EXTRA).load()
    return str(refused.value)


def test_nothing_is_imported_before_it_is_loaded(written: Path) -> None:
    (written / "reg_late.py").write_text("from minidl_core.nn import ReLU\nclass Late(ReLU): pass", "utf-8")
    registry, registration = Registry(), Registration("layer", "late", "reg_late:Late", "a thing", EXTRA)
    registry.commit([registration])
    assert registry.components() == [registration]
    assert "reg_late" not in sys.modules
    component = registration.load()
    assert component.__name__ == "Late"
    assert registry.of(component) is registration


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("reg_absent:Any", "ModuleNotFoundError: No module named 'reg_absent'"),
        ("reg_..absent:Any", "ModuleNotFoundError"),
        ("minidl_core.nn.linear:Liner", "AttributeError: module 'minidl_core.nn.linear' has no attribute 'Liner'"),
        ("reg_raising:Any", "ZeroDivisionError: division by zero"),
        ("reg_leaving:Any", "SystemExit: 3"),
        ("reg_malformed:Any", "SyntaxError"),
    ],
)
def test_a_target_that_cannot_be_imported_is_named_with_its_distribution(
    written: Path, target: str, error: str
) -> None:
    (written / "reg_raising.py").write_text("1 / 0", "utf-8")
    (written / "reg_leaving.py").write_text("raise SystemExit(3)", "utf-8")
    (written / "reg_malformed.py").write_text("class :", "utf-8")
    said = loading(target)
    assert said.startswith(f"layer 'any' of minidl-extra 1.0 cannot be imported from '{target}': ")
    assert error in said


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (LINEAR, "loss"),
        ("minidl_core.losses.mse:MSE", "layer"),
        ("pathlib:Path", "layer"),
        ("math:pi", "layer"),
        ("minidl_core.nearest:nearest", "layer"),
        ("reg_instance:thing", "layer"),
        ("reg_duck:Duck", "layer"),
    ],
)
def test_a_target_of_another_kind_is_refused(written: Path, target: str, kind: str) -> None:
    (written / "reg_instance.py").write_text("from minidl_core.nn import ReLU\nthing = ReLU()", "utf-8")
    (written / "reg_duck.py").write_text("class Duck:\n    kind = 'layer'", "utf-8")
    assert loading(target, kind) == (
        f"'{target}' of minidl-extra 1.0 is registered as a {kind} but is not a subclass of that kind; derive it from "
        f"{BASES[kind]}"
    )


@pytest.mark.parametrize("kind", BASES)
def test_the_base_of_each_kind_is_where_an_error_says(kind: str) -> None:
    [named] = re.findall(r"derive it from (\S+)$", loading("pathlib:Path", kind))
    module, _, name = named.rpartition(".")
    base = getattr(importlib.import_module(module), name)
    assert vars(base)["kind"] == kind


@pytest.mark.parametrize("target", ["minidl_core.nn:Linear", "minidl_core:Linear"])
def test_a_target_that_only_imports_the_class_is_refused_with_where_it_is_defined(target: str) -> None:
    assert loading(target) == (
        f"'{target}' is registered from where it is imported; register it from where it is defined: '{LINEAR}'"
    )


@pytest.mark.parametrize("registration", load_plugins([], {}).registry.components(), ids=lambda r: f"{r.kind}-{r.name}")
def test_every_built_in_is_where_the_table_says(registration: Registration) -> None:
    component = registration.load()
    assert component.kind == registration.kind
    assert registration.kind in KINDS
    assert registration.provider.plugin == CORE
    assert registration.summary
    assert "\n" not in registration.summary
