"""Which package each component of a model file comes from, and whether it does so here too."""

from __future__ import annotations

import warnings
from typing import Any

from packaging.version import InvalidVersion, Version

from minidl_core.errors import ModelFileError, ModelFileWarning
from minidl_core.nn import Module
from minidl_core.plugins import registry
from minidl_core.registry import Provider, Registration, canonical
from minidl_core.spec.calls import Names
from minidl_core.spec.component import Component, components_within

LONGEST = 200
"""Characters of each text."""
_KEYS = ("kind", "name", "plugin", "distribution", "version")


def providers_of(model: Module, *others: Component) -> list[dict[str, str]]:
    """For each component of a model, and each other one with those within it, by its name in the spec:
    its plugin, its distribution and that one's version.

    Raises ModelFileError for a component that is not registered.
    """
    layers = [layer for place, layer in model.layers_within().items() if place]
    found = {}
    for component in (one for whole in (*others, *layers) for one in components_within(whole)):
        registration = registry().of(type(component))
        if registration is None:
            raise ModelFileError(
                f"{type(component).__name__} is not registered by any plugin, so a file that names it could never be "
                "loaded; register it through an entry point of the group 'minidl'"
            )
        provider = registration.provider
        name = registry().name_to_write(registration)
        of_this = (registration.kind, name, provider.plugin, provider.distribution, provider.version)
        found[registration.kind, name] = dict(zip(_KEYS, of_this, strict=True))
    return [found[key] for key in sorted(found)]


def names_of(providers: Any) -> Names:
    """The qualified names of what a file's names stood for, so that plugins installed since change nothing.

    Warns of a component that comes from another distribution here, or from another major version. Raises
    ModelFileError, with what to install, where nothing is registered under a name.
    """
    is_list = isinstance(providers, list) and all(isinstance(one, dict) for one in providers)
    if not is_list or not all(_is_name(one.get(key)) for one in providers for key in _KEYS):
        raise ModelFileError(f"its providers must be a list of objects with texts {', '.join(_KEYS)}")
    names = {}
    for one in providers:
        provider = Provider(one["plugin"], one["distribution"], one["version"])
        registration = _registered(one["kind"], one["name"], provider)
        names[one["kind"], one["name"]] = registration.qualified_name
        if difference := _difference(provider, registration.provider):
            warnings.warn(f"{one['kind']} '{one['name']}' {difference}", ModelFileWarning, stacklevel=2)
    return names


def _is_name(given: Any) -> bool:
    return isinstance(given, str) and len(given) <= LONGEST and given.isprintable()


def _registered(kind: str, name: str, provider: Provider) -> Registration:
    """What a name of a file stands for here: what its own plugin brings, else what another one brings of that name."""
    qualified = f"{provider.plugin}.{name.rpartition('.')[2]}"
    for candidate in dict.fromkeys((qualified, name)):
        if registry().bearing(kind, candidate):
            return registry().find(kind, candidate)
    raise ModelFileError(
        f"{kind} '{name}' came from {provider.distribution} {provider.version}, which does not bring it here; 'minidl "
        f"plugins' says what is in use, 'pip install {provider.distribution}' installs it{registry().not_in_use()}"
    )


def _difference(then: Provider, now: Provider) -> str:
    """What has changed since a file was written, empty where it may be taken for the same."""
    if canonical(then.distribution) != canonical(now.distribution):
        return (
            f"came from {then.distribution} {then.version} when the model was saved, and comes from "
            f"{now.distribution} {now.version} here, which may compute something else"
        )
    if _major(then.version) != _major(now.version):
        return (
            f"came from {then.distribution} {then.version} when the model was saved; {now.version} is another major "
            "version, which may compute something else"
        )
    return ""


def _major(version: str) -> tuple[int, ...] | str:
    """What two versions share that promise to be compatible: `2` of 2.1.0, `0.3` of 0.3.1 (semver.org, item 4)."""
    try:
        release = Version(version).release
    except InvalidVersion:
        return version
    return release[:1] if release[0] else (*release, 0)[:2]
