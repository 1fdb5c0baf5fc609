"""`minidl list-components`"""

from __future__ import annotations

import click

from minidl_core.cli import completion
from minidl_core.cli.named import components_of_plugin
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.plugins import registry
from minidl_core.registry import KINDS, Registration
from minidl_core.spec.signature import signature


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only components of this kind.")
@click.option("--plugin", shell_complete=completion.plugin, help="Only components of this plugin (or distribution).")
@json_option
def list_components(kind: str | None, plugin: str | None, as_json: bool) -> None:
    """List what can be named in a spec, and where each comes from."""
    components = registry().components() if plugin is None else components_of_plugin(plugin)
    components = [one for one in components if kind in (None, one.kind)]
    if as_json:
        print_json([_as_json(registration) for registration in components])
        return
    rows = [(r.kind, registry().name_to_write(r) + (signature(r) or ""), r.summary, _origin(r)) for r in components]
    print_table(("KIND", "NAME", "SUMMARY", "FROM"), rows)


def _origin(registration: Registration) -> str:
    return f"{registration.provider.distribution} {registration.provider.version}"


def _as_json(registration: Registration) -> dict[str, object]:
    return {
        "kind": registration.kind,
        "name": registration.name,
        "qualified_name": registration.qualified_name,
        "signature": signature(registration),
        "summary": registration.summary,
        "plugin": registration.provider.plugin,
        "distribution": registration.provider.distribution,
        "version": registration.provider.version,
        "target": registration.target,
    }
