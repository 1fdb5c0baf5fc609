"""`minidl show`"""

from __future__ import annotations

import click

from minidl_core.cli import completion
from minidl_core.cli.named import components_named
from minidl_core.cli.output import json_option, print_json
from minidl_core.registry import Registration
from minidl_core.spec.signature import documentation, signature, source


@click.command()
@click.argument("name", shell_complete=completion.component)
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a component: its signature, formulas and source."""
    found = components_named(name, "minidl list-components --plugin")
    if as_json:
        described = [_as_json(registration) for registration in found]
        print_json(described[0] if len(described) == 1 else described)
        return
    for registration in found:
        provider = registration.provider
        click.echo(f"{registration.kind} {registration.name}{signature(registration) or ''}")
        click.echo(f"from {provider.distribution} {provider.version}, {registration.target}\n")
        click.echo(source(registration))


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
