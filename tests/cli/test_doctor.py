"""`minidl plugins doctor`, and what is said of a plugin's name where a component's is asked for."""

from __future__ import annotations

import pytest
from plugin_code import HOOK, NEXT_CORE, bringing

from minidl_core.cli import plugins as command
from minidl_core.plugins import load_plugins


@pytest.fixture
def doctor(minidl, monkeypatch):
    """`doctor("one", "two")`: what the doctor says of these plugins; the core's components are for other tests."""
    results_of = command.results_of
    monkeypatch.setattr(
        command, "results_of", lambda found: results_of([one for one in found if one.provider.plugin != "core"])
    )

    def call(*names, options=()):
        monkeypatch.setenv("MINIDL_LOAD_PLUGINS", ",".join(names))
        return minidl("plugins", "doctor", *options)

    return call


def disabled(minidl) -> list[str]:
    """The plugins and commands that are not in use, sorted."""
    reports = minidl("plugins", "--json").json()
    return sorted({report["plugin"] for report in reports if report["state"] == "disabled"})


def test_where_nothing_is_wrong_that_is_said_with_what_is_disabled(plugin, minidl, doctor, monkeypatch):
    plugin("one", bringing("dense"))
    plugin("zz_hello", "1 / 0", group="minidl.commands", attribute="hello")
    plugin("zz_optim", "1 / 0")
    seen = doctor("one", options=["--json"])
    assert (seen.code, seen.json()["problems"]) == (0, [])
    left_out = disabled(minidl)
    assert {"zz_hello", "zz_optim"} <= set(left_out)
    seen = doctor("one")
    assert (seen.code, seen.err) == (0, "")
    assert seen.out.splitlines()[-1] == f"nothing is wrong with the plugins; disabled: {', '.join(left_out)}"
    monkeypatch.setattr(command, "loaded_plugins", lambda: load_plugins([], {}))
    monkeypatch.setattr(command, "plugin_commands", lambda _: [])
    assert doctor("one").out.splitlines()[-1] == "nothing is wrong with the plugins"


@pytest.mark.parametrize("strict", ["", "1"])
def test_all_that_is_wrong_is_told_also_where_the_first_would_raise(plugin, doctor, monkeypatch, strict):
    monkeypatch.setenv("MINIDL_STRICT_PLUGINS", strict)
    plugin("broken", "1 / 0")
    plugin("old", requires=(f"minidl-core>={NEXT_CORE}",))
    plugin("one", bringing("dense"))
    plugin("two", bringing("dense"))
    plugin("slow", "import torch" + bringing("own"))
    seen = doctor("broken", "old", "one", "two", "slow", "absent")
    assert seen.code == 1
    # Where other plugins are installed, they are disabled here, and the last line says so.
    told = [line for line in seen.out.splitlines() if not line.startswith("disabled: ")][-6:]
    assert told[0].startswith("MINIDL_LOAD_PLUGINS names 'absent', which is the name of no plugin or distribution; ")
    assert told[1:] == [
        "plugin 'broken' (minidl-broken 1.2.3): failed: ZeroDivisionError: division by zero",
        f"plugin 'old' (minidl-old 1.2.3): incompatible: {told[2].partition('incompatible: ')[2]}",
        "plugin 'one' (minidl-one 1.2.3): conflict: layer 'dense' is also that of 'two' (minidl-two 1.2.3), "
        "so write 'one.dense'",
        "plugin 'slow' (minidl-slow 1.2.3) imports torch when it is loaded, which makes every command wait; import it "
        "where it is used",
        "plugin 'two' (minidl-two 1.2.3): conflict: layer 'dense' is also that of 'one' (minidl-one 1.2.3), "
        "so write 'two.dense'",
    ]


def test_a_component_that_is_not_well_is_not_called_well(plugin, doctor):
    plugin("bad", HOOK + "    registry.layer('bad', 'plug_absent:Bad', summary='cannot be imported')")
    seen = doctor("bad")
    assert seen.code == 1
    assert "cannot be imported from 'plug_absent:Bad'" in seen.out
    assert "nothing is wrong" not in seen.out


# -- a plugin's name instead of a component's -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["check"], "it is a plugin: --plugin {}"),
        (["show"], "it is a plugin: minidl list-components --plugin {}"),
    ],
)
@pytest.mark.parametrize("name", ["extra_test", "minidl-extra_test", "core"])
def test_a_plugins_name_is_known_where_a_components_is_asked_for(plugin, minidl, arguments, advice, name):
    plugin("extra_test")
    assert minidl(*arguments, name) == (2, "", f"minidl: there is no component '{name}'; {advice.format(name)}\n")
    assert minidl("list-components", "--plugin", name).code == 0


def test_where_a_component_or_a_plugin_is_unknown_what_is_left_out_is_told(plugin, minidl, monkeypatch):
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", "extra_test")
    plugin("extra_test")
    told = "; plugins that are not in use: extra_test (disabled)\n"
    for arguments in ["show", "desne"], ["check", "--plugin", "extra_test"], ["list-components", "--plugin", "nope"]:
        refused = minidl(*arguments)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.endswith(told)
    refused = minidl("describe", "desne(2,2)")
    assert refused.code == 2
    assert "unknown layer 'desne'" in refused.err
    assert "plugins that are not in use: extra_test (disabled)" in refused.err
