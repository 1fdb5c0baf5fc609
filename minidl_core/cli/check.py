"""`minidl check`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from minidl_core.cli import completion
from minidl_core.cli.named import components_named, components_of_plugin
from minidl_core.cli.output import json_option, print_json, print_table
from minidl_core.plugins import registry
from minidl_core.registry import Registration

if TYPE_CHECKING:
    from minidl_core.testing import Result

MOST = 25
"""Results that are shown of those that are not as they should be."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completion.component)
@click.option("--plugin", shell_complete=completion.plugin, help="The components of this plugin (or distribution).")
@json_option
def check(names: tuple[str, ...], plugin: str | None, as_json: bool) -> int:
    """Check components with the conformance kit: those named, those of a plugin, or all.

    Derivatives are held against central differences and autograd; shapes, rounds, dtypes, bad arguments, saved state
    and more against the contract of each kind.
    """
    components = [one for name in names for one in components_named(name)]
    components += components_of_plugin(plugin) if plugin is not None else []
    if not names and plugin is None:
        components = registry().components()
    results = results_of(components)
    if as_json:
        print_json([one for registration, found in results for one in results_as_json(registration, found)])
    else:
        print_results(results)
    return 0 if all(result.ok for _, found in results for result in found) else 1


def results_of(components: list[Registration]) -> list[tuple[Registration, list[Result]]]:
    """What the kit says of each component."""
    from minidl_core.testing import check_component

    return [(one, check_component(one.kind, one.qualified_name)) for one in dict.fromkeys(components)]


def print_results(results: list[tuple[Registration, list[Result]]]) -> None:
    """A row for each component, then all that is not as it should be, then how many checks ran."""
    rows = [
        (registration.kind, registry().name_to_write(registration), ran, _verdict(found), registration.provider.plugin)
        for registration, found in results
        for ran in [sum(result.ran for result in found)]
    ]
    print_table(("KIND", "NAME", "CHECKS", "RESULT", "PLUGIN"), rows, right=("CHECKS",))
    every = [result for _, found in results for result in found]
    notable = [result for result in every if result.outcome not in ("passed", "skipped")]
    if notable:
        click.echo()
    for result in notable[:MOST]:
        click.echo(str(result))
    if len(notable) > MOST:
        click.echo(f"and {len(notable) - MOST} more; --json has them all")
    failed = sum(not result.ok for result in every)
    ran = sum(result.ran for result in every)
    skipped = sum(not result.ran for result in every)
    verdict = f"{failed} failed" if failed else "none failed"
    of = f"{len(results)} component{'s' * (len(results) != 1)}"
    checks = f"{ran} check{'s' * (ran != 1)}"
    click.echo(f"\n{checks} of {of} ran: {verdict}; {skipped} did not apply")


def results_as_json(registration: Registration, results: list[Result]) -> list[dict[str, object]]:
    """An object for each check."""
    return [
        {
            "kind": registration.kind,
            "name": registration.name,
            "plugin": registration.provider.plugin,
            "component": result.component,
            "check": result.check,
            "outcome": result.outcome,
            "detail": result.detail,
        }
        for result in results
    ]


def _verdict(results: list[Result]) -> str:
    failed = sum(not result.ok for result in results)
    expected = sum(result.outcome == "failed as expected" for result in results)
    return ", ".join(
        filter(None, [f"{failed} failed" if failed else "ok", f"{expected} failed as expected" if expected else ""])
    )
