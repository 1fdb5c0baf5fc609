"""What the tests of specs share: a registry that does not depend on which plugins happen to be installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from minidl_core import plugins
from minidl_core.plugins import LoadedPlugins, load_plugins
from minidl_core.registry import Provider, Registrar
from minidl_core.spec.component import Component

Install = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def _core_alone() -> Iterator[None]:
    """The core's own components and no others."""
    core = load_plugins([], {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "loaded_plugins", lambda: core)
        yield


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """`install("extra", residual=Residual)`: have a plugin that brings these classes, besides those before it."""
    loaded = LoadedPlugins(load_plugins([], {}).registry, [])
    monkeypatch.setattr(plugins, "loaded_plugins", lambda: loaded)

    def add(plugin: str, **components: type[Component]) -> None:
        registrar = Registrar(Provider(plugin, f"minidl-{plugin}", "1.0"))
        for name, component in components.items():
            target = f"{component.__module__}:{component.__qualname__}"
            getattr(registrar, component.kind)(name, target, summary="for a test")
        loaded.registry.commit(registrar.registrations)

    return add
