"""The package as a plugin: what it registers, documents and imports."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import minidl_extra_layers
import pytest

from minidl_core.plugins import loaded_plugins, registry
from minidl_core.registry import Registration
from minidl_core.spec.component import constructor

REGISTERED = registry().components(plugin="minidl-extra-layers")
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(Path(minidl_extra_layers.__file__).parent.glob("*.py"))

MOVES_NUMBERS = {"flatten", "reshape"}
"""Which compute nothing, and have no source."""

every_component = pytest.mark.parametrize("component", REGISTERED, ids=lambda component: component.name)


def test_plugin_is_loaded_whole():
    [report] = [one for one in loaded_plugins().reports if one.provider.distribution == "minidl-extra-layers"]
    assert (report.state, report.reason, report.provider.plugin) == ("ok", "", "extra_layers")


def test_it_brings_its_layers_under_its_own_name():
    assert {one.kind for one in REGISTERED} == {"layer"}
    assert all(one.qualified_name == f"extra_layers.{one.name}" for one in REGISTERED)


@every_component
def test_its_docstring_has_both_passes_each_argument_and_its_source(component: Registration):
    documentation = inspect.getdoc(component.load()) or ""
    assert all(part in documentation for part in ("y", "dx"))
    assert "Source: " in documentation or component.name in MOVES_NUMBERS
    arguments = constructor(component.load()).parameters
    assert all(re.search(rf"\b{name}\b", documentation) for name in arguments)


@every_component
def test_the_readme_says_which_examples_it_takes(component: Registration):
    table = README.partition("| examples | layers |")[2].partition("\n\n")[0]
    assert f"`{component.name}`" in table


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_derivative_is_left_to_pytorch(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not {name for name in modules if name and name.startswith("torch.")}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not attributes & {"nn", "optim", "autograd", "requires_grad", "requires_grad_"}
    assert not {name for name in attributes if name.endswith("_backward")}


@pytest.mark.parametrize("example", re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
def test_python_examples_of_the_readme_run(example, capsys):
    exec(compile(example, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) < 0.9  # of numbers of variance 1


def test_hook_imports_no_torch():
    check = "import sys, minidl_extra_layers.plugin as _; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
