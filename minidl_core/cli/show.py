"""`minidl show`"""

from __future__ import annotations

import click

from minidl_core.cli.output import json_option, print_json
from minidl_core.errors import UnknownNameError
from minidl_core.nearest import did_you_mean
from minidl_core.plugins import registry
from minidl_core.registry import KINDS, Registration
from minidl_core.spec.signature import documentation, signature, source


@click.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a component: its signature, formulas and source."""
    found = [r for kind in KINDS if (r := _find(kind, name))]
    if not found:
        names = sorted({registration.name for registration in registry().components()})
        raise UnknownNameError(f"there is no component '{name}'; {did_you_mean(name, names)}")
    if as_json:
        described = [_as_json(registration) for registration in found]
        print_json(described[0] if len(described) == 1 else described)
        return
    for registration in found:
        provider = registration.provider
        click.echo(f"{registration.kind} {registration.name}{signature(registration) or ''}")
        click.echo(f"from {provider.distribution} {provider.version}, {registration.target}\n")
        click.echo(source(registration))


def _find(kind: str, name: str) -> Registration | None:
    """What a name stands for, or None where this kind has no such name. An ambiguous name is an error."""
    try:
        return registry().find(kind, name)
    except UnknownNameError:
        if name in registry().names(kind):
            raise
        return None


def _as_json(registration: Registration) -> dict[str, object]:
    return {
        "kind": registration.kind,
        "name": registration.name,
        "signature": signature(registration),
        "summary": registration.summary,
        "distribution": registration.provider.distribution,
        "version": registration.provider.version,
        "target": registration.target,
        "documentation": documentation(registration),
        "source": source(registration),
    }
