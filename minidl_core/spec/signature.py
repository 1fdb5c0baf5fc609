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

from minidl_core.errors import PluginError
from minidl_core.registry import NAME, Registration
from minidl_core.spec.component import Component, constructor, to_value

_UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, LookupError, RecursionError)
"""What reading someone's source may raise."""


class Parameter(NamedTuple):
    """One argument of a constructor; `str` of it is the notation of a spec."""

    name: str
    default: Any
    required: bool
    variadic: bool = False
    keyword_only: bool = False
    types: tuple[str, ...] = ()
    """The names of the types that its annotation allows: `Initializer` and `str` for `Initializer | str`."""
    module: str = ""
    """Where these names are defined or imported."""

    def __str__(self) -> str:
        if self.variadic:
            return f"{self.name}..."
        if self.required:
            return self.name
        is_word = isinstance(self.default, str) and NAME.fullmatch(self.default) is not None
        return f"{self.name}={self.default if is_word else to_value(self.default)}"


def signature(registration: Registration) -> str | None:
    """`(in_features,out_features,bias=true)` of a registered component, or None where its source cannot be read."""
    found = parameters(registration)
    return None if found is None else written(found)


def parameters(registration: Registration) -> list[Parameter] | None:
    """The arguments of a registered component, or None where its source cannot be read."""
    try:
        return _constructor(*registration.target.split(":"))
    except _UNREADABLE:
        return None


def kind_taken(parameter: Parameter) -> str | None:
    """The kind of component that an argument takes, or None: `initializer` for the `init` of `linear`."""
    for name in parameter.types:
        try:
            if kind := _kind(parameter.module, name):
                return kind
        except _UNREADABLE:
            continue  # a number, a text, or a type that cannot be read
    return None


def documentation(registration: Registration) -> str:
    """The docstring of a component, read from its source. Raises PluginError where that cannot be read."""
    return ast.get_docstring(_readable_definition(registration)) or ""


def source(registration: Registration) -> str:
    """The source of a component's class. Raises PluginError where it cannot be read."""
    definition = _readable_definition(registration)
    lines = _source(registration.target.split(":")[0]).read_text(encoding="utf-8").splitlines()
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
    return f"({','.join(map(str, parameters))})"


def _constructor(module: str, class_name: str) -> list[Parameter]:
    """The arguments of the `__init__` that a class has or inherits. Raises LookupError where that cannot be told."""
    for place, definition in _ancestry(module, class_name):
        if definition.decorator_list:
            raise LookupError(f"{definition.name} is decorated, so that its arguments may be others")
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                return list(_parameters(statement.args, place))
    return []


def _kind(module: str, class_name: str) -> str | None:
    """The `kind` that a class has or inherits, None where it is no component."""
    for _, definition in _ancestry(module, class_name):
        for statement in definition.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name("kind")], value=ast.Constant(str(kind)))
                    | ast.AnnAssign(target=ast.Name("kind"), value=ast.Constant(str(kind)))
                ):
                    return kind
    return None


def _ancestry(module: str, class_name: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class and its bases, but for the one that all components share, each with the module that defines it."""
    module, definition = _found(module, class_name)
    if (module, definition.name) == (Component.__module__, Component.__name__):
        return
    yield module, definition
    for base in definition.bases:
        if not isinstance(base, ast.Name):
            raise LookupError(ast.unparse(base))
        yield from _ancestry(module, base.id)


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


def _readable_definition(registration: Registration) -> ast.ClassDef:
    try:
        return _found(*registration.target.split(":"))[1]
    except _UNREADABLE as error:
        provider = registration.provider
        raise PluginError(
            f"the source of {registration.kind} '{registration.name}' of {provider.distribution} {provider.version} "
            f"cannot be read from '{registration.target}': {type(error).__name__}: {error}"
        ) from error


def _parameters(arguments: ast.arguments, module: str) -> Iterator[Parameter]:
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*defaults, *arguments.defaults], strict=True):
        yield _parameter(argument, default, module)
    if arguments.vararg is not None:
        yield _parameter(arguments.vararg, None, module)._replace(required=False, variadic=True)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default, module)._replace(keyword_only=True)


def _parameter(argument: ast.arg, default: ast.expr | None, module: str) -> Parameter:
    value = None if default is None else ast.literal_eval(default)
    return Parameter(argument.arg, value, default is None, types=tuple(_types(argument.annotation)), module=module)


def _types(annotation: ast.expr | None) -> Iterator[str]:
    """The names in an annotation that is one, or a union of some."""
    match annotation:
        case ast.Name(name):
            yield name
        case ast.BinOp(left, ast.BitOr(), right):
            yield from _types(left)
            yield from _types(right)


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
