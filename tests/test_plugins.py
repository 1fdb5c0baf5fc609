"""Plugins: found by their entry points, loaded alone, and left out alone where they break."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from minidl_core import plugins
from minidl_core.errors import PluginError, PluginWarning, UnknownNameError
from minidl_core.plugins import LoadedPlugins, PluginReport, load_plugins
from minidl_core.registry import CORE, Provider

CORE_VERSION = metadata.version("minidl-core")
HOOK = """
from minidl_core.hookspecs import hookimpl

@hookimpl
def minidl_register_components(registry):
"""
DENSE = HOOK + '    registry.layer("dense", "minidl_core.nn.linear:Linear", summary="as linear")\n'

Plugin = Callable[..., metadata.EntryPoint]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    """`plugin("extra", code)`: install a distribution whose entry point `extra` is a module of this code."""
    monkeypatch.syspath_prepend(tmp_path)
    number = itertools.count()

    def write(
        name: str, code: str = DENSE, distribution: str = "", requires: tuple[str, ...] = (), version: str = "1.2.3"
    ) -> metadata.EntryPoint:
        module = f"plug_{next(number)}"
        distribution = distribution or f"minidl-{name}"
        (tmp_path / f"{module}.py").write_text(code, "utf-8")
        folder = tmp_path / f"{module}-{version}.dist-info"
        folder.mkdir()
        head = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines = [*head, *(f"Requires-Dist: {requirement}" for requirement in requires)]
        (folder / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
        (folder / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{name} = {module}\n", "utf-8")
        [entry_point] = metadata.Distribution.at(folder).entry_points
        return entry_point

    yield write
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]


def loaded(
    *entry_points: metadata.EntryPoint, environment: Mapping[str, str] | None = None
) -> tuple[LoadedPlugins, list[str]]:
    """What came of loading, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = load_plugins(entry_points, environment or {})
    assert all(warning.category is PluginWarning for warning in caught)
    return found, [str(warning.message) for warning in caught]


def report(found: LoadedPlugins, name: str) -> PluginReport:
    [one] = [one for one in found.reports if one.provider.plugin == name]
    return one


def brings(found: LoadedPlugins, name: str) -> bool:
    """Whether anything of a plugin is registered."""
    return bool(found.registry.components(plugin=name))


def is_imported(entry_point: metadata.EntryPoint) -> bool:
    return entry_point.module in sys.modules


# -- plugins that work ----------------------------------------------------------------------------------------


def test_without_plugins_there_is_the_core() -> None:
    found, said = loaded()
    assert said == []
    [core] = found.reports
    assert (core.provider.plugin, core.provider.distribution, core.state) == (CORE, "minidl-core", "ok")
    assert core.provider.version == CORE_VERSION
    assert set(core.components) == set(found.registry.components())
    assert found.registry.find("layer", "linear").qualified_name == "core.linear"


def test_a_plugin_brings_its_components_with_where_they_are_from(plugin: Plugin) -> None:
    entry_point = plugin("extra")
    found, said = loaded(entry_point)
    registration = found.registry.find("layer", "dense")
    assert said == []
    assert registration is found.registry.find("layer", "extra.dense")
    assert registration.provider == Provider("extra", "minidl-extra", "1.2.3")
    one = report(found, "extra")
    assert (one.state, one.reason, one.components) == ("ok", "", (registration,))
    assert one.entry_point == entry_point.value


def test_an_entry_point_may_name_an_object(plugin: Plugin) -> None:
    methods = textwrap.indent(DENSE.replace("(registry)", "(self, registry)"), "    ")
    entry_point = plugin("extra", f"class Brings:\n{methods}\nbrings = Brings()")
    value = metadata.EntryPoint("extra", f"{entry_point.value}:brings", "minidl")
    found, said = loaded(value)
    assert said == []
    assert found.registry.find("layer", "dense").provider.distribution == "(no distribution)"


def test_a_plugin_may_bring_nothing(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", HOOK + "    pass"))
    assert said == []
    assert (report(found, "extra").state, report(found, "extra").components) == ("ok", ())


# -- plugins that break ---------------------------------------------------------------------------------------

BROKEN = {
    "raises when imported": ("1 / 0", "ZeroDivisionError: division by zero"),
    "imports what is not there": ("import plug_absent", "ModuleNotFoundError: No module named 'plug_absent'"),
    "is malformed": ("class :", "SyntaxError: "),
    "leaves when imported": ("raise SystemExit('bye')", "SystemExit: bye"),
    "hook raises": (HOOK + "    raise RuntimeError('several\\n  lines')", "RuntimeError: several lines"),
    "hook leaves": (HOOK + "    raise SystemExit(3)", "SystemExit: 3"),
    "hook is misspelt": (
        DENSE.replace("_components", "_component"),
        "PluginValidationError: unknown hook 'minidl_register_component'",
    ),
    "hook takes another argument": (HOOK.replace("(registry)", "(registrar)") + "    pass", "PluginValidationError: "),
    "hook is not marked": (DENSE.replace("@hookimpl", ""), "it implements no hook of minidl; mark its functions with"),
    "there is no hook": ("", "it implements no hook of minidl; mark its functions with"),
    "hook is marked for another project": (
        DENSE.replace(
            "from minidl_core.hookspecs import hookimpl", "import pluggy; hookimpl = pluggy.HookimplMarker('x')"
        ),
        "it implements no hook of minidl",
    ),
    "registers, then raises": (DENSE + "    1 / 0", "ZeroDivisionError: division by zero"),
    "registers a name twice": (DENSE + DENSE.splitlines()[-1], "layer 'dense' is registered twice by the same plugin"),
    "registers a bad name": (DENSE + "    registry.loss('Huber', 'a:B', summary='')", "invalid loss name 'Huber'"),
    "registers a bad target": (DENSE + "    registry.loss('huber', 'a.B', summary='')", "invalid target 'a.B'"),
    "registers without a summary": (DENSE + "    registry.loss('huber', 'a:B')", "TypeError: "),
    "registers an unknown kind": (DENSE + "    registry.lyaer('huber', 'a:B', summary='')", "AttributeError: "),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_breaks_costs_its_own_components_and_one_line(plugin: Plugin, case: str) -> None:
    code, reason = BROKEN[case]
    good, broken = plugin("good", DENSE.replace("dense", "dense2")), plugin("broken", code)
    found, [said] = loaded(broken, good)
    assert report(found, "broken").state == "failed"
    assert report(found, "broken").reason.startswith(reason)
    assert report(found, "broken").components == ()
    assert not brings(found, "broken")
    with pytest.raises(UnknownNameError):
        found.registry.find("layer", "broken.dense")
    assert report(found, "good").state == "ok"
    assert found.registry.find("layer", "dense2").provider.plugin == "good"
    assert "\n" not in said


@pytest.mark.parametrize("case", BROKEN)
def test_the_line_names_the_distribution_its_version_and_both_ways_out(plugin: Plugin, case: str) -> None:
    code, reason = BROKEN[case]
    _, [said] = loaded(plugin("broken", code, "minidl-of-someone", version="0.9"))
    assert said.startswith(f"plugin 'broken' (minidl-of-someone 0.9) is left out: {reason}")
    assert said.endswith(
        "; disable it with MINIDL_DISABLE_PLUGINS=broken or remove it with 'pip uninstall minidl-of-someone'"
    )


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_breaks_raises_where_that_is_asked_for(plugin: Plugin, case: str) -> None:
    entry_point = plugin("broken", BROKEN[case][0])
    with pytest.raises(PluginError, match=r"^plugin 'broken' \(minidl-broken 1\.2\.3\) is left out: "):
        load_plugins([entry_point], {"MINIDL_STRICT_PLUGINS": "1"})


@pytest.mark.parametrize("value", ["", "0"])
def test_strictness_can_be_turned_off(plugin: Plugin, value: str) -> None:
    _, said = loaded(plugin("broken", "1 / 0"), environment={"MINIDL_STRICT_PLUGINS": value})
    assert len(said) == 1


def test_strictness_minds_neither_what_works_nor_what_is_disabled(plugin: Plugin) -> None:
    environment = {"MINIDL_STRICT_PLUGINS": "1", "MINIDL_DISABLE_PLUGINS": "broken"}
    found, said = loaded(plugin("good"), plugin("broken", "1 / 0"), environment=environment)
    assert said == []
    assert [one.state for one in found.reports] == ["ok", "disabled", "ok"]


@pytest.mark.parametrize("name", ["Extra", "extra-losses", "2d", "", "a.b"])
def test_a_plugin_whose_name_cannot_stand_in_a_spec_is_left_out(plugin: Plugin, name: str) -> None:
    value = plugin("extra").value
    found, [said] = loaded(metadata.EntryPoint(name, value, "minidl"))
    assert f"invalid plugin name {name!r}" in said
    assert not brings(found, name)


def test_no_plugin_can_pass_for_the_core(plugin: Plugin) -> None:
    entry_point = plugin(CORE, HOOK + '    registry.layer("linear", "evil:Linear", summary="")', "minidl-evil")
    found, [said] = loaded(entry_point)
    assert "the plugin name 'core' is taken" in said
    assert "minidl-evil 1.2.3" in said
    assert not brings(found, "minidl-evil")
    assert found.registry.find("layer", "linear").target == "minidl_core.nn.linear:Linear"
    assert found.registry.find("layer", "core.linear").target == "minidl_core.nn.linear:Linear"


# -- metadata -------------------------------------------------------------------------------------------------

MAJOR = f"{int(CORE_VERSION.split('.')[0]) + 1}"


@pytest.mark.parametrize(
    "requirement",
    [
        f"minidl-core>={MAJOR}",
        f"minidl_core >={MAJOR}",
        f"Minidl.Core[dev]>={MAJOR}; python_version>'3'",
        f"minidl-core!={CORE_VERSION}",
    ],
)
def test_a_plugin_for_another_core_is_left_out_without_being_imported(plugin: Plugin, requirement: str) -> None:
    entry_point = plugin("extra", requires=("torch>=2", requirement))
    found, [said] = loaded(entry_point)
    assert report(found, "extra").state == "incompatible"
    assert report(found, "extra").reason.startswith("it requires minidl-core")
    assert report(found, "extra").reason.endswith(f", this is {CORE_VERSION}")
    assert report(found, "extra").reason in said
    assert not brings(found, "extra")
    assert not is_imported(entry_point)
    with pytest.raises(PluginError, match="it requires minidl-core"):
        load_plugins([entry_point], {"MINIDL_STRICT_PLUGINS": "1"})


@pytest.mark.parametrize(
    "requirement",
    [
        "minidl-core",
        f"minidl-core=={CORE_VERSION}",
        f"minidl-core>=0,<{MAJOR}",
        f"minidl-core>={MAJOR}; python_version<'3'",
        f"minidl-core>={MAJOR}; extra=='later'",
        f"minidl-core-tools>={MAJOR}",
    ],
)
def test_a_plugin_for_this_core_is_loaded(plugin: Plugin, requirement: str) -> None:
    found, said = loaded(plugin("extra", requires=(requirement,)))
    assert said == []
    assert report(found, "extra").state == "ok"


def test_a_requirement_that_cannot_be_read_costs_that_plugin_alone(plugin: Plugin) -> None:
    found, [said] = loaded(plugin("extra", requires=("minidl-core>>what",)), plugin("good"))
    assert report(found, "extra").state == "failed"
    assert "InvalidRequirement" in said
    assert report(found, "good").state == "ok"


def test_a_distribution_without_its_metadata_costs_nothing_else(plugin: Plugin, tmp_path: Path) -> None:
    entry_points = [plugin("extra"), plugin("extra"), plugin("good", DENSE.replace("dense", "dense2"))]
    for number in (0, 1):
        (tmp_path / f"plug_{number}-1.2.3.dist-info" / "METADATA").unlink()
    found, _ = loaded(*entry_points)
    assert found.registry.find("layer", "dense2").provider.plugin == "good"
    assert len(found.reports) == 4


# -- leaving plugins out --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "ok"),
    [
        ({}, ["one", "two", "three"]),
        ({"MINIDL_LOAD_PLUGINS": ""}, []),
        ({"MINIDL_LOAD_PLUGINS": " , "}, []),
        ({"MINIDL_LOAD_PLUGINS": "two"}, ["two"]),
        ({"MINIDL_LOAD_PLUGINS": " one ,minidl-three,"}, ["one", "three"]),
        ({"MINIDL_LOAD_PLUGINS": "absent"}, []),
        ({"MINIDL_DISABLE_PLUGINS": ""}, ["one", "two", "three"]),
        ({"MINIDL_DISABLE_PLUGINS": "two"}, ["one", "three"]),
        ({"MINIDL_DISABLE_PLUGINS": "minidl-one, three"}, ["two"]),
        ({"MINIDL_LOAD_PLUGINS": "one,two", "MINIDL_DISABLE_PLUGINS": "two"}, ["one"]),
        ({"MINIDL_DISABLE_PLUGINS": "core", "MINIDL_LOAD_PLUGINS": ""}, []),
    ],
)
def test_the_environment_leaves_plugins_out_before_they_are_imported(
    plugin: Plugin, environment: dict[str, str], ok: list[str]
) -> None:
    entry_points = [plugin(name) for name in ("one", "two", "three")]
    found, said = loaded(*entry_points, environment=environment)
    assert said == []
    for entry_point in entry_points:
        one = report(found, entry_point.name)
        assert one.state == ("ok" if entry_point.name in ok else "disabled")
        assert (one.reason == "") == (one.state == "ok")
        assert is_imported(entry_point) == brings(found, entry_point.name) == (entry_point.name in ok)
    assert found.registry.find("layer", "linear").provider.plugin == CORE


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"MINIDL_LOAD_PLUGINS": ""}, "not named in MINIDL_LOAD_PLUGINS"),
        ({"MINIDL_DISABLE_PLUGINS": "extra"}, "named in MINIDL_DISABLE_PLUGINS"),
    ],
)
def test_a_plugin_that_is_left_out_says_which_variable_did_it(
    plugin: Plugin, environment: dict[str, str], reason: str
) -> None:
    found, said = loaded(plugin("extra", "1 / 0", requires=(f"minidl-core>={MAJOR}",)), environment=environment)
    assert said == []
    assert (report(found, "extra").state, report(found, "extra").reason) == ("disabled", reason)


# -- order ----------------------------------------------------------------------------------------------------


def test_no_outcome_depends_on_the_order_of_entry_points(plugin: Plugin) -> None:
    entry_points = [
        plugin("one"),
        plugin("two"),
        plugin("two", DENSE.replace("dense", "other"), "minidl-zwei"),
        plugin("broken", "1 / 0"),
    ]
    first, lines = loaded(*entry_points)
    assert [one.provider.distribution for one in first.reports] == [
        *["minidl-core", "minidl-broken", "minidl-one", "minidl-two", "minidl-zwei"]
    ]
    for order in itertools.permutations(entry_points):
        again, said = loaded(*order)
        assert again.reports == first.reports
        assert again.registry.components() == first.registry.components()
        assert said == lines
        with pytest.raises(UnknownNameError, match=r"write 'one\.dense' or 'two\.dense'"):
            again.registry.find("layer", "dense")


# -- a process ------------------------------------------------------------------------------------------------


def ran(tmp_path: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "default", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=variables
    )


FIND = "from minidl_core.plugins import loaded_plugins, registry\n"


def test_installed_plugins_are_found_and_each_is_loaded_once(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test", "print('imported')" + DENSE)
    code = (
        FIND
        + "assert registry() is loaded_plugins().registry; print(registry().find('layer', 'extra_test.dense').target)"
    )
    one = ran(tmp_path, code)
    assert one.returncode == 0, one.stderr
    assert one.stdout.split() == ["imported", "minidl_core.nn.linear:Linear"]


def test_a_plugin_that_breaks_is_told_on_standard_error_and_the_work_goes_on(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, FIND + "print(registry().find('layer', 'linear').name)")
    assert (one.returncode, one.stdout) == (0, "linear\n")
    assert one.stderr.count("plugin 'broken_test' (minidl-broken_test 1.2.3) is left out") == 1
    assert "Traceback" not in one.stderr


def test_the_environment_of_a_process_is_minded(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    code = FIND + "print([r.state for r in loaded_plugins().reports if r.provider.plugin == 'broken_test'])"
    assert ran(tmp_path, code, MINIDL_DISABLE_PLUGINS="broken_test").stdout == "['disabled']\n"
    assert ran(tmp_path, code, MINIDL_LOAD_PLUGINS="").stdout == "['disabled']\n"
    strict = ran(tmp_path, code, MINIDL_STRICT_PLUGINS="1")
    assert strict.returncode != 0
    assert "PluginError: plugin 'broken_test'" in strict.stderr


def test_finding_plugins_imports_no_torch(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    code = FIND + "import sys; registry().find('layer', 'dense'); print('torch' in sys.modules)"
    assert ran(tmp_path, code).stdout == "False\n"
