"""Names that several plugins have: what is said of each plugin, and one line for each conflict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from minidl_core.nearest import listed
from minidl_core.registry import CORE, Provider, Registration, Registry

MOST = 3
"""Names that are listed of many."""


def reason(provider: Provider, components: Iterable[Registration], in_use: list[Provider], registry: Registry) -> str:
    """Which names of a plugin, its own or its components', are another's too; empty where none is."""
    namesakes = [other for other in in_use if other.plugin == provider.plugin]
    namesakes.remove(provider)
    reasons = [f"{one.distribution} {one.version} has a plugin '{one.plugin}' too" for one in namesakes]
    shared = defaultdict(list)
    for component in components:
        bearing = registry.bearing(component.kind, component.name)
        if others := tuple(one.provider for one in bearing if one is not component):
            shared[others].append(component)
    for others, named_alike in shared.items():
        whose = " and ".join("built in" if one.plugin == CORE else f"that of {_named(one)}" for one in others)
        ambiguous = any(one.plugin == provider.plugin for one in others)
        advice = "and neither can be named until one is disabled" if ambiguous else _in_full(named_alike)
        reasons.append(f"{_are_also(named_alike)} {whose}, {advice}")
    return "; ".join(reasons)


def lines(in_use: list[Provider], disabled_by: Mapping[Provider, str], registry: Registry) -> Iterator[str]:
    """A line for each conflict, in an order that depends on names alone.

    Args:
        in_use: the plugins that work, without the core, by name and distribution.
        disabled_by: the name that disables each of them.
    """
    built_in, shared = defaultdict(list), defaultdict(list)
    for component in registry.components():
        bearing = registry.bearing(component.kind, component.name)
        if any(one.provider.plugin == CORE for one in bearing):
            if component.provider.plugin != CORE:
                built_in[component.provider].append(component)
        elif len(bearing) > 1 and component is bearing[0]:
            shared[tuple(one.provider for one in bearing)].append(component)
    for provider, components in built_in.items():
        yield (
            f"plugin {_named(provider)} has names that are taken: {_are_also(components)} built in, "
            f"{_in_full(components)}; {provider.ways_out(disabled_by[provider])}"
        )
    for name, count in Counter(provider.plugin for provider in in_use).items():
        if count > 1:
            namesakes = [provider for provider in in_use if provider.plugin == name]
            yield (
                f"plugins {_all(map(_named, namesakes))} have the same name, so that '{name}.NAME' may not tell them "
                f"apart; {_ways_out(namesakes, disabled_by)}"
            )
    for plugins, components in shared.items():
        names = Counter(provider.plugin for provider in plugins)
        if len(names) > 1:  # else the line of their own names has told it
            unique = [name for name, count in names.items() if count == 1]
            advice = _in_full(components, unique) if unique else "and none can be named until some are disabled"
            yield (
                f"plugins {_all(map(_named, plugins))} {'both' if len(plugins) == 2 else 'all'} bring "
                f"{_listed(components)}, {advice}; {_ways_out(plugins, disabled_by)}"
            )


def _named(provider: Provider) -> str:
    return f"'{provider.plugin}' ({provider.distribution} {provider.version})"


def _all(texts: Iterable[str]) -> str:
    """`a, b and c`."""
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last


def _listed(components: Sequence[Registration]) -> str:
    """`loss 'a', loss 'b', loss 'c' and 17 more`."""
    names = [f"{one.kind} '{one.name}'" for one in components]
    return listed(names, MOST) if len(names) > MOST else _all(names)


def _are_also(components: Sequence[Registration]) -> str:
    return f"{_listed(components)} {'is' if len(components) == 1 else 'are'} also"


def _in_full(components: Sequence[Registration], plugins: Sequence[str] = ()) -> str:
    """What to write instead: the full names of the one component that there is, or how those of all begin.

    Args:
        plugins: those that bring the components, where it is not theirs alone.
    """
    plugins = plugins or [components[0].provider.plugin]
    full = [f"'{plugin}.{components[0].name}'" for plugin in plugins]
    return f"so write {' or '.join(full)}" if len(components) == 1 else f"so write their names in full, as in {full[0]}"


def _ways_out(plugins: Sequence[Provider], disabled_by: Mapping[Provider, str]) -> str:
    """What to do about plugins of which one is too many."""
    disable = " or =".join(dict.fromkeys(disabled_by[one] for one in plugins))
    known = [one.distribution for one in plugins if one.is_known_to_pip]
    remove = " or ".join(f"'pip uninstall {name}'" for name in dict.fromkeys(known))
    return f"disable one with MINIDL_DISABLE_PLUGINS={disable}" + (f", or remove one with {remove}" if remove else "")
