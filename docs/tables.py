"""The parts of the documentation that come from the code, written between its marks by `make docs`."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable
from pathlib import Path

import cog

from minidl_core import hookspecs
from minidl_core.plugins import loaded_plugins, registry
from minidl_core.registry import KINDS, Registrar, Registration
from minidl_core.spec.signature import documentation, signature

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
OURS = {tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"] for project in PROJECTS}
"""The distributions of this repository; others may be installed beside them."""


def components() -> None:
    """Every component that this repository ships."""
    ours = (one for one in registry().components() if one.provider.distribution in OURS)
    _write(
        ("kind", "spec", "what it is", "from"),
        ((one.kind, _spec(one), one.summary, one.provider.distribution) for one in ours),
    )


def components_of(plugin: str) -> None:
    """The components of one plugin, each with its formula: the first paragraph of its documentation."""
    found = registry().components(plugin=plugin)
    _write(
        ("spec, with its defaults", "what it is", "formula"),
        ((_spec(one), one.summary, " ".join(documentation(one).split("\n\n")[0].split())) for one in found),
    )


def registrar() -> None:
    """What the registration hook can register."""
    _write(
        ("in `minidl_register_components`", "registers"),
        (
            (
                f'`registry.{name}(name, "package.module:Class", summary=...)`',
                (inspect.getdoc(method) or "").removeprefix("Register ").rstrip("."),
            )
            for name, method in vars(Registrar).items()
            if name in KINDS
        ),
    )


def hooks() -> None:
    """Every hook: its signature, when it is called and since when, and which plugins of this repository use it."""
    for name, hook in hookspecs.HOOKS.items():
        users = [
            f"`{report.provider.plugin}`"
            for report in loaded_plugins().reports
            if report.provider.distribution in OURS and name in report.hooks
        ]
        cog.outl(f"\n### `{name}{inspect.signature(hook)}`\n".replace("'", ""))
        cog.outl(inspect.getdoc(hook))
        cog.outl(f"\nUsed by {', '.join(users)}.")
    cog.outl()


def checks() -> None:
    """Every check of the conformance kit, by kind."""
    from minidl_core.testing import kit

    of_all = (*kit.every.CHECKS, kit.built_from_its_spec_it_does_the_same, kit.its_arguments_change_what_it_does)
    rows = [("every kind", function) for function in of_all]
    rows += [(kind, function) for kind, functions in kit.OF_KIND.items() for function in functions]
    _write(
        ("of", "check", "what it holds the component to"),
        ((kind, kit.sentence(function), " ".join((function.__doc__ or "").split())) for kind, function in rows),
    )


def _spec(registration: Registration) -> str:
    return f"`{registry().name_to_write(registration)}{signature(registration) or ''}`"


def _write(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    cog.outl("\n| " + " | ".join(headings) + " |")
    cog.outl("| " + " | ".join("---" for _ in headings) + " |")
    for row in rows:
        cog.outl("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    cog.outl()
