"""The arguments of a component, as a spec writes them, read from its source without importing it."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from minidl_core.registry import NAME, Registration
from minidl_core.spec.component import Component, constructor, to_value


class Parameter(NamedTuple):
    """One argument of a constructor."""

    name: str
    default: Any
    required: bool
    variadic: bool = False


def signature(registration: Registration) -> str | None:
    """`(in_features,out_features,bias=true)` of a registered component, or None where its source cannot be read."""
    module, class_name = registration.target.split(":")
    try:
        parameters = _constructor(module, class_name)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, RecursionError):
        return None
    return written(parameters)


def documentation(registration: Registration) -> str:
    """The docstring of a component, read from its source."""
    return ast.get_docstring(_definition(registration)) or ""


def source(registration: Registration) -> str:
    """The source of a component's class."""
    lines = _source(registration.target.split(":")[0]).read_text(encoding="utf-8").splitlines()
    definition = _definition(registration)
    first = min([definition.lineno, *(decorator.lineno for decorator in definition.decorator_list)])
    return "\n".join(lines[first - 1 : definition.end_lineno])


def signature_of(component: type[Component]) -> str:
    """The same of a class that is imported."""
    return written(
        [
            Parameter(p.name, p.default, p.default is p.empty, p.kind is p.VAR_POSITIONAL)
            for p in constructor(component).parameters.values()
        ]
    )


def written(parameters: list[Parameter]) -> str:
    """Arguments in the notation of a spec; empty where there are none."""
    if not parameters:
        return ""
    return f"({','.join(_written(parameter) for parameter in parameters)})"


def _written(parameter: Parameter) -> str:
    if parameter.variadic:
        return f"{parameter.name}..."
    if parameter.required:
        return parameter.name
    default = parameter.default
    is_word = isinstance(default, str) and NAME.fullmatch(default) is not None
    return f"{parameter.name}={default if is_word else to_value(default)}"


def _constructor(module: str, class_name: str) -> list[Parameter]:
    """The arguments of the `__init__` that a class has or inherits. Raises LookupError where that cannot be told."""
    return _inherited(module, class_name) or []


def _inherited(module: str, class_name: str) -> list[Parameter] | None:
    """The arguments of the first `__init__` among a class and its bases, but for the one that all share."""
    module, definition = _found(module, class_name)
    if (module, definition.name) == (Component.__module__, Component.__name__):
        return None
    if definition.decorator_list:
        raise LookupError(f"{class_name} is decorated, so that its arguments may be others")
    for statement in definition.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return list(_parameters(statement.args))
    for base in definition.bases:
        if not isinstance(base, ast.Name):
            raise LookupError(ast.unparse(base))
        if (parameters := _inherited(module, base.id)) is not None:
            return parameters
    return None


def _found(module: str, class_name: str) -> tuple[str, ast.ClassDef]:
    """A class that a module defines or imports from another: where it is defined, and its definition."""
    body = _tree(module).body
    guarded = [inner for statement in body if isinstance(statement, ast.If) for inner in statement.body]
    for statement in (*body, *guarded):
        if isinstance(statement, ast.ClassDef) and statement.name == class_name:
            return module, statement
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == class_name:
                    package = module if _source(module).name == "__init__.py" else module.rpartition(".")[0]
                    name = "." * statement.level + (statement.module or "")
                    return _found(importlib.util.resolve_name(name, package), alias.name)
    raise LookupError(class_name)


def _definition(registration: Registration) -> ast.ClassDef:
    return _found(*registration.target.split(":"))[1]


def _parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*defaults, *arguments.defaults], strict=True):
        yield _parameter(argument, default)
    if arguments.vararg is not None:
        yield Parameter(arguments.vararg.arg, None, required=False, variadic=True)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    return Parameter(argument.arg, None if default is None else ast.literal_eval(default), default is None)


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module).read_bytes())


def _source(module: str) -> Path:
    """The file of a module, found without importing the packages that it is in."""
    path: list[str] | None = None
    for length in range(1, module.count(".") + 2):
        name = ".".join(module.split(".")[:length])
        spec = _find(name, path)
        if spec is None:
            raise LookupError(module)
        path = spec.submodule_search_locations
    if spec.origin is None:
        raise LookupError(module)
    return Path(spec.origin)


def _find(name: str, path: list[str] | None) -> Any:
    """What the import system's finders say of one module, given where its package lies."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", PathFinder.find_spec)
        if (spec := find_spec(name, path)) is not None:
            return spec
    return None
