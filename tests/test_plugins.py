"""Plugins: found by their entry points, loaded alone, and left out alone where they break."""

from __future__ import annotations

import textwrap
import traceback
from importlib import metadata
from pathlib import Path

import pytest
from plugin_code import CORE_VERSION, DENSE, HOOK, NEXT_CORE, Plugin, bringing, brings, loaded, ran, report

from minidl_core.errors import PluginError, PluginWarning, UnknownNameError
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
    "registers a long name": (
        DENSE + "    registry.loss('x' * 101, 'a:B', summary='long')",
        "the loss name 'xxxxxxxxxxxxxxxxxxxx...' has 101 characters, at most 100;",
    ),
    "registers a long summary": (
        DENSE + "    registry.loss('huber', 'a:B', summary='x' * 2010)",
        "the summary of loss 'huber' has 2,010 characters, at most 200;",
    ),
    "says what a terminal obeys": (
        "raise ValueError('a\\u202eb\\x00c\\x1b[31m d')",
        "ValueError: a\\u202eb\\x00c\\x1b[31m d;",
    ),
    "says it in an error of minidl's": (
        "from minidl_core.errors import PluginError\nraise PluginError('no\\n\\x1b GPU' + 'x' * 10_000)",
        f"no \\x1b GPU{'x' * 489}...;",
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


def test_where_a_plugin_failed_is_kept(plugin: Plugin) -> None:
    raising, refused = (
        plugin("raising", "1 / 0"),
        plugin("refused", HOOK + "    registry.loss('No', 'a:B', summary='')"),
    )
    with pytest.warns(PluginWarning) as said:
        found = load_plugins([raising, refused], {})
    causes = [report(found, name).cause for name in ("raising", "refused")]
    assert [type(cause) for cause in causes] == [ZeroDivisionError, PluginError]
    assert [warning.message.__cause__ for warning in said] == causes
    for entry_point, cause in zip((raising, refused), causes, strict=True):
        assert cause is not None
        assert any(entry_point.module in frame.filename for frame in traceback.extract_tb(cause.__traceback__))
    with pytest.raises(PluginError) as strict:
        load_plugins([raising], {"MINIDL_STRICT_PLUGINS": "1"})
    assert isinstance(strict.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("strict", ["", "1"])
def test_where_a_plugin_failed_is_shown_to_who_asks_for_it(plugin: Plugin, tmp_path: Path, strict: str) -> None:
    module = plugin("broken_test", "1 / 0").module
    usual, asked = (
        ran(tmp_path, "-m", "minidl_core", "plugins", MINIDL_DEBUG=debug, MINIDL_STRICT_PLUGINS=strict).stderr
        for debug in ("0", "1")
    )
    assert "Traceback" not in usual
    assert asked.startswith("Traceback (most recent call last):\n")
    assert f'{module}.py", line 1, in <module>\n    1 / 0\n' in asked
    assert asked.endswith(usual)


def test_a_name_that_a_plugin_would_bring_that_is_left_out(plugin: Plugin) -> None:
    entry_points = [plugin("dis"), plugin("broken", "1 / 0"), plugin("old", requires=(f"minidl-core>={NEXT_CORE}",))]
    found, _ = loaded(*entry_points, environment={"MINIDL_DISABLE_PLUGINS": "dis"})
    with pytest.raises(UnknownNameError) as refused:
        found.registry.find("layer", "dense")
    assert str(refused.value).endswith(
        "; plugins that are not in use: broken (failed), dis (disabled), old (incompatible)"
    )


def test_what_a_terminal_obeys_in_the_name_of_a_distribution_is_escaped(plugin: Plugin) -> None:
    _, [said] = loaded(plugin("extra", "1 / 0", "minidl-\u202eartxe\x1b[2J", version="1\u202e"))
    assert said.startswith("plugin 'extra' (minidl-\\u202eartxe\\x1b[2J 1\\u202e) is left out: ")


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
