"""`minidl train --config FILE`: a request in a file, with what is typed beside it coming first."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from minidl_core.cli import completion
from minidl_core.errors import RequestError
from minidl_core.nearest import did_you_mean

NOT_OF_A_REQUEST = ("config", "resume", "quiet", "as_json")
EXCLUSIVE = (
    ("test", "test_fraction", "folds", "split"),
    ("split", "group", "time"),
    ("validation", "validation_fraction", "split"),
    ("rounds", "folds"),
    ("folds", "time"),
)
"""Of each of these one says it all: what is typed comes in the place of others in the file."""


def with_command_line_first(context: click.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, without those of a config file that one on the command line excludes."""
    typed = {name for name in options if context.get_parameter_source(name) == ParameterSource.COMMANDLINE}
    dropped = {name for group in EXCLUSIVE if typed & {*group} for name in group if name not in typed}
    of_file = {name for name in dropped if context.get_parameter_source(name) == ParameterSource.DEFAULT_MAP}
    return {name: None if name in of_file else value for name, value in options.items()}


def _read(context: click.Context, _: click.Parameter, path: str | None) -> str | None:
    """Make what the file says the defaults of the command. Raises RequestError where it cannot be."""
    if path is not None:
        given = _contents(Path(path))
        known = {one.name: one for one in context.command.params if one.name not in NOT_OF_A_REQUEST}
        if unknown := [name for name in given if name not in known]:
            keys = "\n".join(f"  {name} = {_default(one)}" for name, one in known.items())
            advice = did_you_mean(unknown[0], [name for name in known if name])
            raise RequestError(
                f"'{path}' has the key '{unknown[0]}', which minidl train does not know; {advice}\n"
                f"the keys, with their defaults (... where minidl train --help says what):\n{keys}"
            )
        context.default_map = {
            name: _typed(context, path, known[name], value) for name, value in given.items() if value is not None
        }
    return path


config_option = click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    callback=_read,
    shell_complete=completion.file,
    help="Take what is not asked for here from a run (its folder or run.json), or from a TOML file.",
)


def _contents(path: Path) -> Mapping[str, Any]:
    """The request in a run's folder or its `run.json`, or the keys of a TOML file."""
    if path.is_dir() or path.suffix == ".json":
        from minidl_core.runs.again import with_paths
        from minidl_core.runs.record import read_record

        return with_paths(read_record(path))
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RequestError(f"there is no file '{path}'") from None
    except OSError as error:
        raise RequestError(f"cannot read '{path}': {error.strerror or error}") from None
    except ValueError as error:  # of TOML, and of what is no UTF-8
        raise RequestError(f"'{path}' is no TOML: {error}") from None


def _typed(context: click.Context, path: str, parameter: click.Parameter, value: Any) -> Any:
    """A value as it would be typed, so that it means the same."""
    is_flag = isinstance(parameter, click.Option) and parameter.is_flag
    if is_flag != isinstance(value, bool) or not isinstance(value, str | int | float | list):
        expected = "true or false" if is_flag else "a value as on the command line"
        raise RequestError(f"'{path}': {parameter.name} must be {expected}, got {value!r}")
    if is_flag:
        return value
    values = value if isinstance(value, list) else [value]
    if not parameter.multiple and isinstance(value, list):
        raise RequestError(f"'{path}': {parameter.name} must be one value, got a list")
    texts = [one if isinstance(one, str) else repr(one) for one in values]
    try:
        for text in texts:
            parameter.type.convert(text, parameter, context)
    except click.BadParameter as error:
        raise RequestError(f"'{path}': {parameter.name}: {error.message}") from None
    return texts if parameter.multiple else texts[0]


def _default(parameter: click.Parameter) -> str:
    """As TOML has it; what is not there without being asked for is left open."""
    default = parameter.default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float | str):
        return repr(default).replace("'", '"')
    return "[]" if getattr(parameter, "multiple", False) else "..."
