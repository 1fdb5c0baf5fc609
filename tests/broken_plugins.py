"""Twelve broken plugins, and all that a user is told of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOOK = """
from minidl_core.hookspecs import hookimpl

@hookimpl
def minidl_register_components(registry):
"""


def loss(name: str) -> str:
    return f'    registry.loss("{name}", "minidl_core.losses.mae:MAE", summary="as mae")\n'


@dataclass(frozen=True)
class Broken:
    """A plugin that is broken, and all that is told of it beside minidl-extra-losses, which is well."""

    name: str
    code: str
    state: str
    reason: str
    line: str
    """What is printed on standard error."""
    of_good: tuple[str, str] = ("ok", "")
    """State and reason of minidl-extra-losses."""
    requires: str = "minidl-core>=0.1"
    plugin: str = ""

    @property
    def distribution(self) -> str:
        return f"minidl-{self.name.replace('_', '-')}"

    @property
    def entry_point(self) -> str:
        return self.plugin or self.name

    def write(self, folder: Path) -> None:
        """Write the package."""
        package = folder / f"minidl_{self.name}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(self.code)
        (folder / "pyproject.toml").write_text(f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{self.distribution}"
version = "1.0"
dependencies = ["{self.requires}"]

[project.entry-points.minidl]
{self.entry_point} = "minidl_{self.name}.plugin"
""")


BROKEN = {
    one.name: one
    for one in [
        Broken(
            "import_error",
            "import package_that_is_absent",
            "failed",
            "ModuleNotFoundError: No module named 'package_that_is_absent'",
            (
                "minidl: plugin 'import_error' (minidl-import-error 1.0) is left out: ModuleNotFoundError: No "
                "module named 'package_that_is_absent'; disable it with MINIDL_DISABLE_PLUGINS=import_error or "
                "remove it with 'pip uninstall minidl-import-error'"
            ),
        ),
        Broken(
            "syntax_error",
            HOOK + "    return (\n",
            "failed",
            "SyntaxError: '(' was never closed (plugin.py, line 6)",
            (
                "minidl: plugin 'syntax_error' (minidl-syntax-error 1.0) is left out: SyntaxError: '(' was never "
                "closed (plugin.py, line 6); disable it with MINIDL_DISABLE_PLUGINS=syntax_error or remove it with "
                "'pip uninstall minidl-syntax-error'"
            ),
        ),
        Broken(
            "system_exit",
            "raise SystemExit('no licence')",
            "failed",
            "SystemExit: no licence",
            (
                "minidl: plugin 'system_exit' (minidl-system-exit 1.0) is left out: SystemExit: no licence; disable "
                "it with MINIDL_DISABLE_PLUGINS=system_exit or remove it with 'pip uninstall minidl-system-exit'"
            ),
        ),
        Broken(
            "raising_hook",
            HOOK + "    raise RuntimeError('no GPU\\n  was found')",
            "failed",
            "RuntimeError: no GPU was found",
            (
                "minidl: plugin 'raising_hook' (minidl-raising-hook 1.0) is left out: RuntimeError: no GPU was "
                "found; disable it with MINIDL_DISABLE_PLUGINS=raising_hook or remove it with 'pip uninstall "
                "minidl-raising-hook'"
            ),
        ),
        Broken(
            "wrong_signature",
            HOOK.replace("(registry)", "(registrar)") + "    pass",
            "failed",
            "its hook minidl_register_components takes 'registrar', which minidl does not give; it gives 'registry'",
            (
                "minidl: plugin 'wrong_signature' (minidl-wrong-signature 1.0) is left out: its hook "
                "minidl_register_components takes 'registrar', which minidl does not give; it gives 'registry'; "
                "disable it with MINIDL_DISABLE_PLUGINS=wrong_signature or remove "
                "it with 'pip uninstall minidl-wrong-signature'"
            ),
        ),
        Broken(
            "misspelt_hook",
            HOOK.replace("_components", "_component") + loss("any"),
            "failed",
            "'minidl_register_component' is no hook of minidl; did you mean 'minidl_register_components'?",
            (
                "minidl: plugin 'misspelt_hook' (minidl-misspelt-hook 1.0) is left out: 'minidl_register_component' is "
                "no hook of minidl; did you mean 'minidl_register_components'?; disable it with "
                "MINIDL_DISABLE_PLUGINS=misspelt_hook or remove it with 'pip uninstall minidl-misspelt-hook'"
            ),
        ),
        Broken(
            "half_registered",
            HOOK + loss("half") + "    1 / 0",
            "failed",
            "ZeroDivisionError: division by zero",
            (
                "minidl: plugin 'half_registered' (minidl-half-registered 1.0) is left out: ZeroDivisionError: "
                "division by zero; disable it with MINIDL_DISABLE_PLUGINS=half_registered or remove it with 'pip "
                "uninstall minidl-half-registered'"
            ),
        ),
        Broken(
            "same_component",
            HOOK + loss("huber"),
            "conflict",
            "loss 'huber' is also that of 'extra_losses' (minidl-extra-losses 0.1.0), so write 'same_component.huber'",
            (
                "minidl: plugins 'extra_losses' (minidl-extra-losses 0.1.0) and 'same_component' "
                "(minidl-same-component 1.0) both bring loss 'huber', so write 'extra_losses.huber' or "
                "'same_component.huber'; disable one with MINIDL_DISABLE_PLUGINS=extra_losses or =same_component, or "
                "remove one with 'pip uninstall minidl-extra-losses' or 'pip uninstall minidl-same-component'"
            ),
            of_good=(
                "conflict",
                "loss 'huber' is also that of 'same_component' (minidl-same-component 1.0), so write "
                "'extra_losses.huber'",
            ),
        ),
        Broken(
            "built_in",
            HOOK + loss("mse"),
            "conflict",
            "loss 'mse' is also built in, so write 'built_in.mse'",
            (
                "minidl: plugin 'built_in' (minidl-built-in 1.0) has names that are taken: loss 'mse' is also built "
                "in, so write 'built_in.mse'; disable it with MINIDL_DISABLE_PLUGINS=built_in or remove it with "
                "'pip uninstall minidl-built-in'"
            ),
        ),
        Broken(
            "invalid_name",
            HOOK + loss("Big-Loss"),
            "failed",
            "invalid loss name 'Big-Loss': a name is lower case, [a-z][a-z0-9_]*, and not true, false, none",
            (
                "minidl: plugin 'invalid_name' (minidl-invalid-name 1.0) is left out: invalid loss name 'Big-Loss': "
                "a name is lower case, [a-z][a-z0-9_]*, and not true, false, none; disable it with "
                "MINIDL_DISABLE_PLUGINS=invalid_name or remove it with 'pip uninstall minidl-invalid-name'"
            ),
        ),
        Broken(
            "other_core",
            "raise AssertionError('imported')",
            "incompatible",
            "it requires minidl-core<10,>=9, and this is minidl-core 0.1.0",
            (
                "minidl: plugin 'other_core' (minidl-other-core 1.0) is left out: it requires minidl-core<10,>=9, "
                "and this is minidl-core 0.1.0; disable it with MINIDL_DISABLE_PLUGINS=other_core or remove it with "
                "'pip uninstall minidl-other-core'"
            ),
            requires="minidl-core>=9,<10",
        ),
        Broken(
            "same_plugin",
            HOOK + loss("smooth"),
            "conflict",
            "minidl-extra-losses 0.1.0 has a plugin 'extra_losses' too",
            (
                "minidl: plugins 'extra_losses' (minidl-extra-losses 0.1.0) and 'extra_losses' (minidl-same-plugin "
                "1.0) have the same name, so that 'extra_losses.NAME' may not tell them apart; disable one with "
                "MINIDL_DISABLE_PLUGINS=minidl-extra-losses or =minidl-same-plugin, or remove one with 'pip uninstall "
                "minidl-extra-losses' or 'pip uninstall minidl-same-plugin'"
            ),
            of_good=("conflict", "minidl-same-plugin 1.0 has a plugin 'extra_losses' too"),
            plugin="extra_losses",
        ),
    ]
}
