"""Signatures are read from source and never imported; they must be those that the import would give."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from minidl_core.errors import PluginError
from minidl_core.installed import GROUP
from minidl_core.plugins import load_plugins
from minidl_core.registry import Provider, Registration
from minidl_core.spec.component import Component
from minidl_core.spec.signature import documentation, signature, signature_of, source

SOMEONE = Provider("extra", "minidl-extra", "1.0")


def installed() -> list[Registration]:
    """The components of the core and of every plugin that is installed here."""
    return load_plugins(metadata.entry_points(group=GROUP), {}).registry.components()


@pytest.mark.parametrize("registration", installed(), ids=lambda r: f"{r.kind}-{r.qualified_name}")
def test_what_is_read_is_what_the_import_says(registration: Registration) -> None:
    assert signature(registration) == signature_of(registration.load())


@pytest.mark.parametrize("registration", installed(), ids=lambda r: f"{r.kind}-{r.qualified_name}")
def test_documentation_and_source_are_those_of_the_class(registration: Registration) -> None:
    component = registration.load()
    assert documentation(registration) == (component.__doc__ and _cleaned(component.__doc__))
    assert source(registration).startswith(f"class {component.__name__}(")
    assert source(registration) in Path(sys.modules[component.__module__].__file__ or "").read_text("utf-8")


def _cleaned(text: str) -> str:
    first, *rest = text.expandtabs().splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first.lstrip(), *(line[margin:].rstrip() for line in rest)]).strip()


def test_listing_all_components_imports_neither_torch_nor_any_of_them() -> None:
    code = """
import json, sys
from minidl_core.plugins import registry
from minidl_core.spec.signature import signature
found = [(r.target, signature(r)) for r in registry().components()]
print(json.dumps([found, sorted(sys.modules)]))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    found, modules = json.loads(ran.stdout)
    assert dict(found) == {r.target: signature(r) for r in installed()}
    assert not {"torch", "numpy", "minidl_core.nn", "minidl_core.losses", "minidl_core.data"} & set(modules)
    assert not {target.split(":")[0] for target, _ in found} & set(modules)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to put modules in, whose names begin with `sig_`."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("sig_")]:
        del sys.modules[name]


def registration(target: str) -> Registration:
    return Registration("layer", "any", target, "for a test", SOMEONE)


BODY = """
    def forward(self, x): return x
    def backward(self, dy): return dy
"""


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("in_nn", "from minidl_core.nn import Linear\nclass Mine(Linear):\n    pass"),
        ("in_core", "from minidl_core import Linear\nclass Mine(Linear):\n    pass"),
        ("renamed", "from minidl_core.nn.linear import Linear as Dense\nclass Mine(Dense):\n    pass"),
        ("twice", "from minidl_core.nn import Linear\nclass Ours(Linear): pass\nclass Mine(Ours): pass"),
        ("mixed", "from minidl_core.nn import Linear, ReLU\nclass Mix: pass\nclass Mine(Mix, Linear): pass"),
        ("diamond", "from minidl_core.nn import Linear, ReLU\nclass Mine(ReLU, Linear): pass"),
        ("none", f"from minidl_core.nn import Module\nclass Mine(Module):{BODY}"),
        (
            "every",
            "from minidl_core.nn import Module\nclass Mine(Module):"
            "\n    def __init__(self, a, /, b: int, c=-1, *rest, d='same', e=(1, 2.5), f=None, g=True, h='a b'): ..."
            + BODY,
        ),
    ],
)
def test_a_class_of_any_ancestry_is_read_as_the_import_says(written: Path, name: str, code: str) -> None:
    (written / f"sig_{name}.py").write_text(code, "utf-8")
    one = registration(f"sig_{name}:Mine")
    read = signature(one)
    assert f"sig_{name}" not in sys.modules
    component: type[Component] = one.load()
    assert read == signature_of(component)


def test_a_class_in_a_package_is_read_without_importing_the_package(written: Path) -> None:
    inner = written / "sig_outer" / "sig_inner"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").write_text("raise SystemExit('imported')", "utf-8")
    (inner / "__init__.py").write_text("from ..base import Base", "utf-8")
    (inner.parent / "base.py").write_text("from minidl_core.nn import Linear\nclass Base(Linear): pass", "utf-8")
    (inner / "mine.py").write_text("from . import Base\nclass Mine(Base): pass", "utf-8")
    linear = "(in_features,out_features,bias=true,init=kaiming_uniform)"
    assert signature(registration("sig_outer.sig_inner.mine:Mine")) == linear
    assert "sig_outer" not in sys.modules


def test_a_class_in_a_namespace_package_is_read(written: Path) -> None:
    (written / "sig_space").mkdir()
    (written / "sig_space" / "mine.py").write_text("class Mine:\n    def __init__(self, a, b=2): ...", "utf-8")
    assert signature(registration("sig_space.mine:Mine")) == "(a,b=2)"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("absent", "class Other: pass"),
        ("broken", "class Mine(:"),
        ("bytes", "\udcff\0"),
        ("computed", "import math\nclass Mine:\n    def __init__(self, a=math.pi): ..."),
        ("unknown_base", "class Mine(Unknown): pass"),
        ("dotted_base", "import minidl_core.nn as nn\nclass Mine(nn.Linear): pass"),
        ("decorated", "from dataclasses import dataclass\n@dataclass\nclass Mine:\n    a: int"),
        ("itself", "class Mine(Mine): pass"),
        ("circle", "from sig_circle import Base\nclass Mine(Base): pass"),
    ],
)
def test_a_signature_that_cannot_be_read_is_none(written: Path, name: str, code: str) -> None:
    (written / f"sig_{name}.py").write_bytes(code.encode("utf-8", "surrogateescape"))
    assert signature(registration(f"sig_{name}:Mine")) is None


@pytest.mark.parametrize(
    "target", ["sig_no_module:Mine", "sig_no.module:Mine", "sys:Mine", "minidl_core.nn.nowhere:Mine"]
)
def test_the_signature_of_a_module_that_is_not_there_is_none(target: str) -> None:
    assert signature(registration(target)) is None
    with pytest.raises(PluginError):
        registration(target).load()
