"""Two plugins that want one name: both are told so, neither wins, and no outcome depends on which came first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from importlib import metadata

import pytest
from plugin_code import DENSE, HOOK, Plugin, bringing, loaded, report, states

from minidl_core.errors import PluginError, UnknownNameError
from minidl_core.plugins import LoadedPlugins, load_plugins
from minidl_core.registry import CORE


def line(plugin: str, reason: str, distribution: str = "", disable: str = "") -> str:
    """What is said of a plugin that is in conflict."""
    distribution = distribution or f"minidl-{plugin}"
    return (
        f"plugin '{plugin}' ({distribution} 1.2.3) has names that are taken: {reason}; disable it with "
        f"MINIDL_DISABLE_PLUGINS={disable or plugin} or remove it with 'pip uninstall {distribution}'"
    )


def meaning(found: LoadedPlugins, name: str) -> str:
    """The distribution whose layer a name means, or why it means none."""
    try:
        return found.registry.find("layer", name).provider.distribution
    except UnknownNameError as error:
        return str(error)


# -- a component's name ---------------------------------------------------------------------------------------


def test_a_component_that_two_plugins_name_alike_is_neithers(plugin: Plugin) -> None:
    found, said = loaded(plugin("one"), plugin("two", bringing("dense", "own")))
    assert said == [
        line("one", "layer 'dense' is also that of 'two' (minidl-two 1.2.3), so write 'one.dense'"),
        line("two", "layer 'dense' is also that of 'one' (minidl-one 1.2.3), so write 'two.dense'"),
    ]
    assert states(found) == {"minidl-one": "conflict", "minidl-two": "conflict"}
    assert meaning(found, "dense") == ("layer 'dense' is brought by several plugins; write 'one.dense' or 'two.dense'")
    assert [meaning(found, name) for name in ("one.dense", "two.dense")] == ["minidl-one", "minidl-two"]
    assert meaning(found, "own") == "minidl-two"


def test_a_component_named_like_a_built_in_has_its_qualified_name_alone(plugin: Plugin) -> None:
    found, said = loaded(plugin("one", bringing("relu", "own")))
    assert said == [line("one", "layer 'relu' is also built in, so write 'one.relu'")]
    assert states(found) == {"minidl-one": "conflict"}
    assert [meaning(found, name) for name in ("relu", "core.relu", "one.relu", "own")] == [
        *["minidl-core", "minidl-core", "minidl-one", "minidl-one"]
    ]


def test_all_that_is_taken_is_told_in_one_line(plugin: Plugin) -> None:
    found, said = loaded(plugin("one", bringing("dense", "relu")), plugin("two"), plugin("three"))
    assert report(found, "one").reason == (
        "layer 'dense' is also that of 'three' (minidl-three 1.2.3) and that of 'two' (minidl-two 1.2.3), "
        "so write 'one.dense'; layer 'relu' is also built in, so write 'one.relu'"
    )
    assert len(said) == 3


def test_the_same_name_of_another_kind_is_no_conflict(plugin: Plugin) -> None:
    loss = HOOK + '    registry.loss("relu", "minidl_core.losses.mse:MSE", summary="as mse")\n'
    found, said = loaded(plugin("one"), plugin("two", loss.replace("relu", "dense")), plugin("three", loss))
    assert said == []
    assert set(states(found).values()) == {"ok"}


def test_a_plugin_that_failed_takes_no_name(plugin: Plugin) -> None:
    found, said = loaded(plugin("one"), plugin("two", DENSE + "    1 / 0"))
    assert states(found) == {"minidl-one": "ok", "minidl-two": "failed"}
    assert len(said) == 1
    assert meaning(found, "dense") == "minidl-one"


# -- a plugin's name ------------------------------------------------------------------------------------------


def test_two_distributions_may_not_name_their_plugins_alike(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", bringing("a"), "dist-a"), plugin("extra", bringing("b"), "dist-b"))
    assert said == [
        line("extra", "dist-b 1.2.3 has a plugin 'extra' too", "dist-a", disable="dist-a"),
        line("extra", "dist-a 1.2.3 has a plugin 'extra' too", "dist-b", disable="dist-b"),
    ]
    assert states(found) == {"dist-a": "conflict", "dist-b": "conflict"}
    assert [meaning(found, name) for name in ("a", "extra.a", "b", "extra.b")] == [
        *["dist-a", "dist-a", "dist-b", "dist-b"]
    ]


def test_where_their_components_are_named_alike_too_neither_can_be_named(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", DENSE, "dist-a"), plugin("extra", DENSE, "dist-b"))
    assert said[0] == line(
        "extra",
        "dist-b 1.2.3 has a plugin 'extra' too; layer 'dense' is also that of 'extra' (dist-b 1.2.3), "
        "and neither can be named until one is disabled",
        "dist-a",
        disable="dist-a",
    )
    for name in "dense", "extra.dense":
        assert meaning(found, name) == (
            f"layer '{name}' is brought by several plugins; "
            "disable one of them with MINIDL_DISABLE_PLUGINS: dist-a or dist-b"
        )


def test_a_failed_plugin_of_the_same_name_is_told_apart_by_its_distribution(plugin: Plugin) -> None:
    found, [said] = loaded(plugin("extra", DENSE, "dist-a"), plugin("extra", "1 / 0", "dist-b"))
    assert states(found) == {"dist-a": "ok", "dist-b": "failed"}
    assert said.endswith("; disable it with MINIDL_DISABLE_PLUGINS=dist-b or remove it with 'pip uninstall dist-b'")


def test_a_plugin_that_calls_itself_core_is_disabled_by_its_distribution(plugin: Plugin) -> None:
    entry_point = plugin(CORE, bringing("linear"), "minidl-evil")
    found, [said] = loaded(entry_point)
    assert said == (
        "plugin 'core' (minidl-evil 1.2.3) is left out: the plugin name 'core' is taken; its entry point must have "
        "another; disable it with MINIDL_DISABLE_PLUGINS=minidl-evil or remove it with 'pip uninstall minidl-evil'"
    )
    assert [meaning(found, name) for name in ("linear", "core.linear")] == ["minidl-core", "minidl-core"]


# -- the way out ----------------------------------------------------------------------------------------------

CONFLICTS = {
    "a component": [("one", DENSE, "dist-a"), ("two", DENSE, "dist-b")],
    "a built-in": [("one", bringing("relu"), "dist-a")],
    "a plugin": [("extra", bringing("a"), "dist-a"), ("extra", bringing("b"), "dist-b")],
    "a plugin and its component": [("extra", DENSE, "dist-a"), ("extra", DENSE, "dist-b")],
    "a plugin, of three": [("extra", bringing("a"), "dist-a"), ("extra", DENSE, "dist-b"), ("two", DENSE, "dist-c")],
    "the core": [(CORE, DENSE, "dist-a")],
}


def disabled_as_told(said: str) -> Mapping[str, str]:
    """The environment that a line asks for."""
    [advice] = re.findall(r"MINIDL_DISABLE_PLUGINS=(\S+)", said)
    return {"MINIDL_DISABLE_PLUGINS": advice}


@pytest.mark.parametrize("case", CONFLICTS)
def test_disabling_a_plugin_as_its_line_says_disables_it_alone(plugin: Plugin, case: str) -> None:
    entry_points = [plugin(*arguments) for arguments in CONFLICTS[case]]
    before, said = loaded(*entry_points)
    assert len(said) == len(entry_points)
    for told in said:
        [disabled] = [name for name in states(before) if f"({name} 1.2.3) has" in told or f"({name} 1.2.3) is" in told]
        after, _ = loaded(*entry_points, environment=disabled_as_told(told))
        assert [name for name, state in states(after).items() if state == "disabled"] == [disabled]
        if len(entry_points) == 2:
            [other] = [name for name in states(before) if name != disabled]
            assert states(after)[other] == "ok"


@pytest.mark.parametrize("case", CONFLICTS)
def test_once_all_but_one_are_disabled_nothing_is_said(plugin: Plugin, case: str) -> None:
    entry_points = [plugin(*arguments) for arguments in CONFLICTS[case]]
    distributions = [distribution for _, _, distribution in CONFLICTS[case]]
    for kept in distributions if len(distributions) > 1 else [""]:
        disabled = ",".join(name for name in distributions if name != kept)
        environment = {"MINIDL_DISABLE_PLUGINS": disabled, "MINIDL_STRICT_PLUGINS": "1"}
        found, said = loaded(*entry_points, environment=environment)
        assert said == []
        assert states(found) == {name: "ok" if name == kept else "disabled" for name in sorted(distributions)}


@pytest.mark.parametrize("case", CONFLICTS)
def test_a_conflict_raises_where_strictness_is_asked_for(plugin: Plugin, case: str) -> None:
    entry_points = [plugin(*arguments) for arguments in CONFLICTS[case]]
    _, [first, *_] = loaded(*entry_points)
    for order in itertools.permutations(entry_points):
        with pytest.raises(PluginError) as refused:
            load_plugins(order, {"MINIDL_STRICT_PLUGINS": "1"})
        assert str(refused.value) == first


# -- order ----------------------------------------------------------------------------------------------------


def same_in_every_order(entry_points: list[metadata.EntryPoint]) -> LoadedPlugins:
    """Load plugins in each order, and hold all that comes of it against the first."""
    first, lines = loaded(*entry_points)
    names = ["dense", "relu", *(one.qualified_name for one in first.registry.components("layer"))]
    for order in itertools.permutations(entry_points):
        again, said = loaded(*order)
        assert again.reports == first.reports
        assert again.registry.components() == first.registry.components()
        assert [meaning(again, name) for name in names] == [meaning(first, name) for name in names]
        assert said == lines
    return first


@pytest.mark.parametrize("case", CONFLICTS)
def test_no_conflict_depends_on_the_order_of_entry_points(plugin: Plugin, case: str) -> None:
    same_in_every_order([plugin(*arguments) for arguments in CONFLICTS[case]])


def test_no_outcome_depends_on_the_order_of_entry_points(plugin: Plugin) -> None:
    entry_points = [
        plugin("one"),
        plugin("two"),
        plugin("two", bringing("other"), "minidl-zwei"),
        plugin("three", bringing("relu")),
        plugin("broken", "1 / 0"),
    ]
    found = same_in_every_order(entry_points)
    assert states(found) == {
        "minidl-broken": "failed",
        "minidl-one": "conflict",
        "minidl-three": "conflict",
        "minidl-two": "conflict",
        "minidl-zwei": "conflict",
    }
    assert "write 'one.dense' or 'two.dense'" in meaning(found, "dense")
