"""The package as a plugin: what it registers, documents and imports."""

from __future__ import annotations

import ast
from pathlib import Path

import minidl_extra_losses
import pytest

from minidl_core.plugins import registry
from minidl_core.registry import Registration

REGISTERED = registry().components(plugin="minidl-extra-losses")
README = Path(__file__).parents[1] / "README.md"
SOURCES = sorted(Path(minidl_extra_losses.__file__).parent.glob("*.py"))

every_component = pytest.mark.parametrize("component", REGISTERED, ids=lambda component: component.name)


def test_it_brings_its_losses_under_its_own_name():
    assert [(one.kind, one.qualified_name) for one in REGISTERED] == [
        ("loss", "extra_losses.binary_cross_entropy"),
        ("loss", "extra_losses.cross_entropy"),
        ("loss", "extra_losses.focal"),
        ("loss", "extra_losses.gaussian_nll"),
        ("loss", "extra_losses.hinge"),
        ("loss", "extra_losses.huber"),
        ("loss", "extra_losses.kl_divergence"),
        ("loss", "extra_losses.log_cosh"),
        ("loss", "extra_losses.nll"),
        ("loss", "extra_losses.poisson_nll"),
        ("loss", "extra_losses.quantile"),
        ("loss", "extra_losses.smooth_l1"),
        ("loss", "extra_losses.squared_hinge"),
    ]


@every_component
def test_its_docstring_has_derivative_convention_shapes_and_source(component: Registration):
    documentation = component.load().__doc__
    for part in "d/dy", "Convention:", "Shapes:", "Source:":
        assert part in documentation


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_derivative_is_left_to_pytorch(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not {name for name in modules if name and name.startswith("torch.")}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not attributes & {"nn", "optim", "autograd", "requires_grad", "requires_grad_"}


def test_the_python_of_the_readme_runs(capsys):
    blocks = README.read_text(encoding="utf-8").split("```python\n")[1:]
    for block in blocks:
        exec(block.partition("```")[0], {})
    printed = capsys.readouterr().out
    assert len(blocks) == 3
    for component in REGISTERED:
        assert component.load().__name__ in "".join(blocks)
    assert printed.count("torch.Size([10])") == len(REGISTERED)
