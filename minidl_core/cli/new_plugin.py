"""`minidl new-plugin`"""

from __future__ import annotations

import keyword
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import click

from minidl_core.errors import DataError, RequestError
from minidl_core.installed import CORE_DISTRIBUTION
from minidl_core.plugins import loaded_plugins, registry
from minidl_core.registry import CORE, LONGEST_NAME, NAME, RESERVED

PREFIX = "minidl-"
NETWORK = "linear(_,8)-tanh-linear(8,_)"
SUMMARIES = {
    "layer": "x / (1 + |x|) times a weight for each feature",
    "loss": "a square near zero, a line far out, smooth between",
    "optimizer": "every weight moves by lr, by the sign of its mean gradient",
}
EXAMPLES = {
    "layer": 'minidl train disk --model "linear(_,8)-{name}(_)-linear(8,_)" --epochs 5',
    "loss": f'minidl train disk --model "{NETWORK}" --loss "{{name}}(delta=2)" --epochs 5',
    "optimizer": f'minidl train disk --model "{NETWORK}" --optimizer "{{name}}(lr=0.003)" --epochs 5',
}


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(SUMMARIES)), required=True, help="What it brings.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="A new folder.  [default: minidl-NAME]")
def new_plugin(name: str, kind: str, out: Path | None) -> None:
    """Write a package that brings a component NAME of your own, ready to publish.

    It works as it is: a component with its derivation, tests that call the conformance kit, a README. Change the
    formula to yours.
    """
    plugin = _plugin_name(name, kind)
    distribution = PREFIX + plugin.replace("_", "-")
    major, minor, *_ = metadata.version(CORE_DISTRIBUTION).split(".")
    words = {
        "name": plugin,
        "plugin": plugin,
        "kind": kind,
        "distribution": distribution,
        "package": distribution.replace("-", "_"),
        "class_name": "".join(word.capitalize() for word in plugin.split("_")),
        "summary": SUMMARIES[kind],
        "example": EXAMPLES[kind].format(name=plugin),
        "core_range": f">={major}.{minor},<{major}.{int(minor) + 1}"
        if major == "0"
        else f">={major},<{int(major) + 1}",
    }
    folder = out or Path(distribution)
    _write(folder, words)
    click.echo(f"wrote {folder}: the {kind} '{plugin}' is {folder / words['package'] / plugin}.py. Next:\n")
    click.echo(f'  pip install --editable "{folder}[test]"\n  minidl check {plugin}\n  pytest {folder}')


def _plugin_name(name: str, kind: str) -> str:
    """The name of the plugin and of its component. Raises RequestError for one that cannot be, or is taken."""
    plugin = name.replace("-", "_").removeprefix(PREFIX.replace("-", "_"))
    if not NAME.fullmatch(plugin) or keyword.iskeyword(plugin) or plugin in (*RESERVED, CORE, "plugin"):
        raise RequestError(
            f"'{name}' cannot be a name in a spec and of a Python module; write lower case letters, digits and _, "
            "beginning with a letter: my_loss"
        )
    if len(plugin) > LONGEST_NAME:
        raise RequestError(f"'{plugin[:20]}...' has {len(plugin):,} characters, a name has at most {LONGEST_NAME}")
    reports = [report.provider for report in loaded_plugins().reports]
    taken = [f"{one.distribution} is a plugin" for one in reports if one.plugin == plugin]
    taken += [f"{one.provider.distribution} brings a {kind}" for one in registry().bearing(kind, plugin)]
    if taken:
        raise RequestError(f"the name '{plugin}' is taken: {taken[0]} of that name; choose another")
    return plugin


def _write(folder: Path, words: dict[str, str]) -> None:
    """Fill in the templates, all or none. Raises RequestError where the folder is there already."""
    templates = resources.files("minidl_core") / "templates" / "plugin"
    package, name, kind = words["package"], words["name"], words["kind"]
    places = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "__init__.py": f"{package}/__init__.py",
        "plugin.py": f"{package}/plugin.py",
        f"{kind}.py": f"{package}/{name}.py",
        "test_conformance.py": "tests/test_conformance.py",
        f"test_{kind}.py": f"tests/test_{name}.py",
    }
    texts = {place: _filled(templates / f"{template}.template", words) for template, place in places.items()}
    try:
        folder.mkdir(parents=True)
        for place, text in texts.items():
            (folder / place).parent.mkdir(exist_ok=True)
            (folder / place).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise RequestError(f"'{folder}' exists, and nothing is overwritten; give --out a new folder") from None
    except OSError as error:
        raise DataError(f"cannot write '{folder}': {error.strerror or error}") from None


def _filled(template: Traversable, words: dict[str, str]) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(words)
