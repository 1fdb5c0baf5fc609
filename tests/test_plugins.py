"""Plugins: found by their entry points, loaded alone, and left out alone where they break."""

from __future__ import annotations

import json
import textwrap
from importlib import metadata
from pathlib import Path

import pytest
from plugin_code import CORE_VERSION, DENSE, HOOK, Plugin, bringing, brings, loaded, ran, report

from minidl_core.errors import PluginError, UnknownNameError
from minidl_core.plugins import load_plugins
from minidl_core.registry import CORE, Provider

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


def of_object(attributes: str) -> str:
    """The code of a plugin that is the object `brings`, with these attributes beside its hook."""
    methods = DENSE.replace("(registry)", "(self, registry)")
    return f"class Brings:\n{textwrap.indent(attributes + methods, '    ')}\nbrings = Brings()"


def test_an_entry_point_may_name_an_object(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", of_object(""), attribute="brings"))
    assert said == []
    assert found.registry.find("layer", "dense").provider.plugin == "extra"


def test_an_entry_point_of_no_distribution_is_loaded(plugin: Plugin) -> None:
    found, said = loaded(metadata.EntryPoint("extra", plugin("extra").value, "minidl"))
    assert said == []
    assert found.registry.find("layer", "dense").provider.distribution == "(no distribution)"


@pytest.mark.parametrize(
    ("code", "attribute"),
    [
        (of_object("def __getattr__(self, name): raise RuntimeError(name)"), "brings"),
        (of_object("@property\ndef other(self): raise RuntimeError('other')"), "brings"),
        (DENSE + "def __getattr__(name): raise RuntimeError(name)", ""),
    ],
    ids=["object", "property", "module"],
)
def test_a_plugin_whose_attributes_cannot_be_read_is_left_out(plugin: Plugin, code: str, attribute: str) -> None:
    found, [said] = loaded(plugin("extra", code, attribute=attribute))
    assert report(found, "extra").state == "failed"
    assert report(found, "extra").reason.startswith("RuntimeError: ")
    assert "plugin 'extra' (minidl-extra 1.2.3) is left out: RuntimeError: " in said
    assert not brings(found, "extra")


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
    "leaves without a word": ("raise SystemExit", "SystemExit;"),
    "is skipped when imported": ("import pytest; pytest.skip('no GPU', allow_module_level=True)", "Skipped: no GPU"),
    "says it in several lines": ("raise ValueError('several\\n\\n  lines\\n')", "ValueError: several lines;"),
    "cannot be listed": (DENSE + "def __dir__(): raise RuntimeError('no list')", "RuntimeError: no list"),
    "hook raises": (HOOK + "    raise RuntimeError('several\\n  lines')", "RuntimeError: several lines"),
    "hook leaves": (HOOK + "    raise SystemExit(3)", "SystemExit: 3"),
    "hook is misspelt": (
        DENSE.replace("_components", "_component"),
        "'minidl_register_component' is no hook of minidl; did you mean 'minidl_register_components'?",
    ),
    "hook takes another argument": (
        HOOK.replace("(registry)", "(registrar)") + "    pass",
        "its hook minidl_register_components takes 'registrar', which minidl does not give; it gives 'registry'",
    ),
    "hook is not marked": (DENSE.replace("@hookimpl", ""), "it implements no hook of minidl; mark its functions with"),
    "there is no hook": ("", "it implements no hook of minidl; mark its functions with"),
    "hook is marked for another project": (
        DENSE.replace(
            "from minidl_core.hookspecs import hookimpl", "import pluggy; hookimpl = pluggy.HookimplMarker('x')"
        ),
        "it implements no hook of minidl",
    ),
    "hook has an argument that minidl has not": (
        DENSE.replace("(registry)", "(registry, run)"),
        "its hook minidl_register_components takes 'run', which minidl does not give; it gives 'registry'",
    ),
    "a later hook is misspelt": (
        DENSE + "@hookimpl\ndef minidl_epoch_ends(run): pass",
        "'minidl_epoch_ends' is no hook of minidl; did you mean 'minidl_epoch_end'?",
    ),
    "registers, then raises": (DENSE + "    1 / 0", "ZeroDivisionError: division by zero"),
    "registers a name twice": (DENSE + DENSE.splitlines()[-1], "layer 'dense' is registered twice by the same plugin"),
    "registers a bad name": (DENSE + "    registry.loss('Huber', 'a:B', summary='')", "invalid loss name 'Huber'"),
    "registers a bad target": (DENSE + "    registry.loss('huber', 'a.B', summary='')", "invalid target 'a.B'"),
    "registers without a summary": (DENSE + "    registry.loss('huber', 'a:B')", "TypeError: "),
    "registers an empty summary": (
        DENSE + "    registry.loss('huber', 'a:B', summary=' ')",
        "the summary of loss 'huber' must be one line of text, got ' '",
    ),
    "registers a summary of several lines": (
        DENSE + "    registry.loss('huber', 'a:B', summary='a\\nb')",
        "the summary of loss 'huber' must be one line of text, got 'a\\nb'",
    ),
    "says more than one can read": ("raise ValueError('x' * 10_000)", f"ValueError: {'x' * 488}...;"),
    "cannot even say what is wrong": (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError('again')\nraise Mute",
        "Mute;",
    ),
    "registers an unknown kind": (DENSE + "    registry.lyaer('huber', 'a:B', summary='')", "AttributeError: "),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_breaks_costs_its_own_components_and_one_line(plugin: Plugin, case: str) -> None:
    code, reason = BROKEN[case]
    good, broken = plugin("good", bringing("own")), plugin("broken", code)
    found, [said] = loaded(broken, good)
    assert report(found, "broken").state == "failed"
    assert f"{report(found, 'broken').reason};".startswith(reason)
    assert report(found, "broken").components == ()
    assert not brings(found, "broken")
    with pytest.raises(UnknownNameError):
        found.registry.find("layer", "broken.dense")
    assert report(found, "good").state == "ok"
    assert found.registry.find("layer", "own").provider.plugin == "good"
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


def test_a_plugin_that_cannot_be_looked_up_in_its_module_is_left_out(plugin: Plugin) -> None:
    absent = plugin("absent", DENSE, attribute="brings")
    raising = plugin("raising", DENSE + "def __getattr__(name): raise RuntimeError(name)", attribute="brings")
    found, said = loaded(absent, raising)
    assert len(said) == 2
    assert report(found, "absent").reason == f"AttributeError: module '{absent.module}' has no attribute 'brings'"
    assert report(found, "raising").reason == "RuntimeError: brings"


def test_ctrl_c_while_a_plugin_is_imported_is_no_fault_of_the_plugin(plugin: Plugin) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_plugins([plugin("extra", "raise KeyboardInterrupt")], {})


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


# -- a process ------------------------------------------------------------------------------------------------


FIND = "from minidl_core.plugins import loaded_plugins, registry\n"
TRAIN = ["train", "disk(n=20)", "--model", "linear(_,_)", "--epochs", "1"]


def test_installed_plugins_are_found_and_each_is_loaded_once(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test", DENSE + "import sys; sys.stderr.write('loaded ')")
    code = "assert registry() is loaded_plugins().registry; print(registry().find('layer', 'extra_test.dense').target)"
    one = ran(tmp_path, "-c", FIND + code)
    assert (one.returncode, one.stderr, one.stdout) == (0, "loaded ", "minidl_core.nn.linear:Linear\n")


def test_what_a_plugin_prints_while_it_is_loaded_does_not_mix_with_results(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test", "print('imported')" + DENSE + "    print('called')")
    one = ran(tmp_path, "-c", FIND + "loaded_plugins(); print('result')")
    assert (one.returncode, one.stdout, one.stderr) == (0, "result\n", "imported\ncalled\n")
    listed = ran(tmp_path, "-m", "minidl_core", "plugins", "--json")
    assert "extra_test" in [one["plugin"] for one in json.loads(listed.stdout)]


def test_what_a_components_module_does_when_it_is_imported_does_not_mix_with_results_either(
    plugin: Plugin, tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text("print('imported')\nfrom minidl_core.nn import ReLU\nclass Loud(ReLU): pass\n")
    (tmp_path / "quits.py").write_text("import pytest\npytest.skip('no GPU', allow_module_level=True)\n")
    code = HOOK + "".join(
        f'    registry.layer("{name}", "{name}:{name.title()}", summary="x")\n' for name in ("loud", "quits")
    )
    plugin("extra_test", code)
    described = ran(tmp_path, "-m", "minidl_core", "describe", "loud", "--input", "2", "--json")
    assert json.loads(described.stdout)["model"] == "loud"
    assert described.stderr == "imported\n"
    one = ran(tmp_path, "-m", "minidl_core", "describe", "quits", "--input", "2")
    assert one.returncode == 2
    assert "cannot be imported from 'quits:Quits': Skipped: no GPU" in one.stderr
    assert "Traceback" not in one.stderr


@pytest.mark.parametrize("filters", ["", "error"])
def test_no_filter_of_warnings_turns_a_broken_plugin_into_an_error(
    plugin: Plugin, tmp_path: Path, filters: str
) -> None:
    plugin("a_test", "import warnings\nwarnings.simplefilter('error')\n" + DENSE)
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-m", "minidl_core", "plugins", PYTHONWARNINGS=filters)
    assert one.returncode == 0
    assert one.stderr.startswith("minidl: plugin 'broken_test' (minidl-broken_test 1.2.3) is left out")


def test_a_plugin_that_breaks_is_told_on_standard_error_and_the_work_goes_on(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-c", FIND + "print(registry().find('layer', 'linear').name)")
    assert (one.returncode, one.stdout) == (0, "linear\n")
    assert one.stderr.count("plugin 'broken_test' (minidl-broken_test 1.2.3) is left out") == 1
    assert "Traceback" not in one.stderr


def test_the_environment_of_a_process_is_minded(plugin: Plugin, tmp_path: Path) -> None:
    plugin("broken_test", "1 / 0")
    code = FIND + "print([r.state for r in loaded_plugins().reports if r.provider.plugin == 'broken_test'])"
    assert ran(tmp_path, "-c", code, MINIDL_DISABLE_PLUGINS="broken_test").stdout == "['disabled']\n"
    assert ran(tmp_path, "-c", code, MINIDL_LOAD_PLUGINS="").stdout == "['disabled']\n"
    strict = ran(tmp_path, "-c", code, MINIDL_STRICT_PLUGINS="1")
    assert strict.returncode != 0
    assert "PluginError: plugin 'broken_test'" in strict.stderr


@pytest.mark.parametrize(
    "arguments",
    [["plugins"], ["list-components"], ["show", "linear"], ["describe", "linear(2,2)"], TRAIN],
    ids=lambda arguments: arguments[0],
)
def test_a_broken_plugin_is_one_line_and_exit_code_1_where_strictness_is_asked_for(
    plugin: Plugin, tmp_path: Path, arguments: list[str]
) -> None:
    plugin("broken_test", "1 / 0")
    one = ran(tmp_path, "-m", "minidl_core", *arguments, MINIDL_STRICT_PLUGINS="1")
    assert (one.returncode, one.stdout) == (1, "")
    assert one.stderr == (
        "minidl: plugin 'broken_test' (minidl-broken_test 1.2.3) is left out: ZeroDivisionError: division by zero; "
        "disable it with MINIDL_DISABLE_PLUGINS=broken_test or remove it with 'pip uninstall minidl-broken_test'\n"
    )


def test_finding_plugins_imports_no_torch(plugin: Plugin, tmp_path: Path) -> None:
    plugin("extra_test")
    code = FIND + "import sys; registry().find('layer', 'dense'); print('torch' in sys.modules)"
    assert ran(tmp_path, "-c", code).stdout == "False\n"
