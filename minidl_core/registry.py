"""Names -> components, with where each one came from."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from minidl_core.errors import PluginError, UnknownNameError
from minidl_core.foreign import foreign_code
from minidl_core.nearest import did_you_mean, listed

KINDS = ("layer", "loss", "optimizer", "initializer", "dataset", "metric", "schedule")
BASES = {
    "layer": "minidl_core.nn.Module",
    "loss": "minidl_core.losses.Loss",
    "optimizer": "minidl_core.optim.Optimizer",
    "initializer": "minidl_core.nn.Initializer",
    "dataset": "minidl_core.data.Dataset",
    "metric": "minidl_core.metrics.Metric",
    "schedule": "minidl_core.schedules.Schedule",
}
"""What a component of each kind is a subclass of."""
CORE = "core"
"""The name of the core as a plugin: the built-in `linear` is `core.linear` too."""

NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
RESERVED = ("true", "false", "none")
LONGEST_NAME, LONGEST_SUMMARY = 100, 200


def canonical(name: str) -> str:
    """The name of a plugin or a distribution as it is compared: `Minidl_Optim` is `minidl-optim`, as it is for pip."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Provider:
    """Who brings a component: the plugin's name, its distribution and that distribution's version."""

    plugin: str
    distribution: str
    version: str

    @property
    def is_known_to_pip(self) -> bool:
        return not self.distribution.startswith("(")

    def ways_out(self, name: str = "") -> str:
        """What to do about it where it is of no use; `name` disables it, else that of its distribution."""
        disable = f"disable it with MINIDL_DISABLE_PLUGINS={name or self.distribution}"
        return f"{disable} or remove it with 'pip uninstall {self.distribution}'" if self.is_known_to_pip else disable

    def is_named(self, name: str) -> bool:
        """Whether this is the name of the plugin or of its distribution."""
        return canonical(name) in (canonical(self.plugin), canonical(self.distribution))


@dataclass(frozen=True)
class Registration:
    """One name of one kind, and what it stands for."""

    kind: str
    name: str
    target: str
    """`package.module:Class`, the place where the class is defined."""
    summary: str
    provider: Provider

    @property
    def qualified_name(self) -> str:
        return f"{self.provider.plugin}.{self.name}"

    def load(self) -> type[Any]:
        """Import the class. Raises PluginError, with what to do, where the target is not what was promised."""
        module_name, class_name = self.target.split(":")
        try:
            with foreign_code():
                component: type[Any] = getattr(importlib.import_module(module_name), class_name)
        except PluginError as error:
            advice = "" if self.provider.plugin == CORE else f"; {self.provider.ways_out()}"
            raise PluginError(
                f"{self.kind} '{self.name}' of {self.provider.distribution} {self.provider.version} cannot be "
                f"imported from '{self.target}': {error}{advice}"
            ) from error
        if not isinstance(component, type) or not any(map(self._is_base, component.__mro__)):
            raise PluginError(
                f"'{self.target}' of {self.provider.distribution} {self.provider.version} is registered as a "
                f"{self.kind} but is not a subclass of that kind; derive it from {BASES[self.kind]}"
            )
        if f"{component.__module__}:{component.__qualname__}" != self.target:
            raise PluginError(
                f"'{self.target}' is registered from where it is imported; register it from where it is defined: "
                f"'{component.__module__}:{component.__qualname__}'"
            )
        return component

    def _is_base(self, ancestor: type[Any]) -> bool:
        """Whether a class is the one that the core has for this kind."""
        return ancestor.__module__.startswith("minidl_core.") and vars(ancestor).get("kind") == self.kind


class Registrar:
    """What a plugin's hook is given: it collects the plugin's registrations until all of them are known."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.registrations: list[Registration] = []

    def layer(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.nn.Module`."""
        self._add("layer", name, target, summary)

    def loss(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.losses.Loss`."""
        self._add("loss", name, target, summary)

    def optimizer(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.optim.Optimizer`."""
        self._add("optimizer", name, target, summary)

    def initializer(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.nn.Initializer`."""
        self._add("initializer", name, target, summary)

    def dataset(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.data.Dataset`."""
        self._add("dataset", name, target, summary)

    def metric(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.metrics.Metric`."""
        self._add("metric", name, target, summary)

    def schedule(self, name: str, target: str, *, summary: str) -> None:
        """Register a subclass of `minidl_core.schedules.Schedule`."""
        self._add("schedule", name, target, summary)

    def _add(self, kind: str, name: str, target: str, summary: str) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
            raise PluginError(
                f"invalid {kind} name {name!r}: a name is lower case, [a-z][a-z0-9_]*, and not {', '.join(RESERVED)}"
            )
        if len(name) > LONGEST_NAME:
            raise PluginError(f"the {kind} name '{name[:20]}...' has {len(name):,} characters, at most {LONGEST_NAME}")
        if not isinstance(target, str) or not TARGET.fullmatch(target):
            raise PluginError(f"invalid target {target!r} of {kind} '{name}': write 'package.module:Class'")
        if not isinstance(summary, str) or not summary.strip() or len(summary.splitlines()) > 1:
            raise PluginError(f"the summary of {kind} '{name}' must be one line of text, got {summary!r}")
        if len(summary) > LONGEST_SUMMARY:
            raise PluginError(
                f"the summary of {kind} '{name}' has {len(summary):,} characters, at most {LONGEST_SUMMARY}"
            )
        if any((known.kind, known.name) == (kind, name) for known in self.registrations):
            raise PluginError(f"{kind} '{name}' is registered twice by the same plugin")
        self.registrations.append(Registration(kind, name, target, summary, self.provider))


class Registry:
    """All registered components. Which of them a name means never depends on the order they came in."""

    def __init__(self, left_out: Iterable[str] = ()) -> None:
        self.left_out = list(left_out)
        """The plugins that are installed and bring nothing, each with its state: `optim (disabled)`."""
        self._names: dict[tuple[str, str], list[Registration]] = defaultdict(list)
        self._targets: dict[str, list[Registration]] = defaultdict(list)

    def commit(self, registrations: Iterable[Registration]) -> None:
        """Take all that one plugin brings."""
        for registration in registrations:
            self._names[registration.kind, registration.name].append(registration)
            self._names[registration.kind, registration.qualified_name].append(registration)
            self._targets[registration.target].append(registration)

    def components(self, kind: str | None = None, plugin: str | None = None) -> list[Registration]:
        """Everything registered, by kind (in the order of KINDS), name and plugin."""
        found = (
            registration
            for (_, name), registrations in self._names.items()
            for registration in registrations
            if name == registration.name
            and kind in (None, registration.kind)
            and (plugin is None or registration.provider.is_named(plugin))
        )
        return sorted(found, key=lambda r: (KINDS.index(r.kind), r.name, r.provider.plugin, r.provider.distribution))

    def names(self, kind: str) -> list[str]:
        """The bare names of a kind, sorted."""
        return sorted({registration.name for registration in self.components(kind)})

    def bearing(self, kind: str, name: str) -> list[Registration]:
        """All registrations of a kind that bear a name, bare or qualified."""
        return self._names.get((kind, name), [])

    def find(self, kind: str, name: str) -> Registration:
        """What `name`, bare or qualified, stands for. Raises UnknownNameError with what to write instead."""
        found = self.bearing(kind, name)
        if len(found) > 1:
            found = [one for one in found if one.provider.plugin == CORE] or found
        if len(found) == 1:
            return found[0]
        if found:
            choices = sorted({f"'{one.qualified_name}'" for one in found})
            advice = f"write {' or '.join(choices)}"
            if len(choices) == 1:
                distributions = sorted(one.provider.distribution for one in found)
                advice = f"disable one of them with MINIDL_DISABLE_PLUGINS: {' or '.join(distributions)}"
            raise UnknownNameError(f"{kind} '{name}' is brought by several plugins; {advice}")
        qualified = [registration.qualified_name for registration in self.components(kind)]
        advice = did_you_mean(name, qualified if "." in name else self.names(kind))
        raise UnknownNameError(f"unknown {kind} '{name[:100]}'; {advice}{self.not_in_use()}")

    def not_in_use(self) -> str:
        """What to add where a name is unknown: the plugins that might bring it and are left out."""
        return f"; plugins that are not in use: {listed(self.left_out)}" if self.left_out else ""

    def name_to_write(self, registration: Registration) -> str:
        """The name that means this registration: bare where that is enough, else qualified."""
        try:
            bare_is_enough = self.find(registration.kind, registration.name) is registration
        except UnknownNameError:
            bare_is_enough = False
        return registration.name if bare_is_enough else registration.qualified_name

    def of(self, component: type[Any]) -> Registration | None:
        """The registration of a class, or None. Of several, the core's, else that of the first plugin by name."""
        found = self._targets.get(f"{component.__module__}:{component.__qualname__}", [])
        return min(
            found, key=lambda r: (r.provider.plugin != CORE, r.qualified_name, r.provider.distribution), default=None
        )
