"""Two plugins that want one name: both are told so, neither wins, and no outcome depends on which came first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from importlib import metadata

import pytest
from plugin_code import DENSE, HOOK, Plugin, bringing, loaded, meaning, reasons, report, states

from minidl_core.errors import PluginError
from minidl_core.plugins import LoadedPlugins, load_plugins
from minidl_core.registry import CORE


def line_of_one(plugin: str, reason: str) -> str:
    """What is said of a plugin that has names of the core."""
    return (
        f"plugin '{plugin}' (minidl-{plugin} 1.2.3) has names that are taken: {reason}; disable it with "
        f"MINIDL_DISABLE_PLUGINS={plugin} or remove it with 'pip uninstall minidl-{plugin}'"
    )


def ways_out(disable: list[str], remove: list[str]) -> str:
    """What to do about plugins of which one is too many."""
    return f"; disable one with MINIDL_DISABLE_PLUGINS={' or ='.join(disable)}, or remove one with " + " or ".join(
        f"'pip uninstall {distribution}'" for distribution in remove
    )


# -- a component's name ---------------------------------------------------------------------------------------


def test_a_component_that_two_plugins_name_alike_is_neithers(plugin: Plugin) -> None:
    found, said = loaded(plugin("one"), plugin("two", bringing("dense", "own")))
    assert said == [
        "plugins 'one' (minidl-one 1.2.3) and 'two' (minidl-two 1.2.3) both bring layer 'dense', "
        "so write 'one.dense' or 'two.dense'" + ways_out(["one", "two"], ["minidl-one", "minidl-two"])
    ]
    assert reasons(found) == {
        "minidl-one": "layer 'dense' is also that of 'two' (minidl-two 1.2.3), so write 'one.dense'",
        "minidl-two": "layer 'dense' is also that of 'one' (minidl-one 1.2.3), so write 'two.dense'",
    }
    assert states(found) == {"minidl-one": "conflict", "minidl-two": "conflict"}
    assert meaning(found, "dense") == ("layer 'dense' is brought by several plugins; write 'one.dense' or 'two.dense'")
    assert [meaning(found, name) for name in ("one.dense", "two.dense")] == ["minidl-one", "minidl-two"]
    assert meaning(found, "own") == "minidl-two"


def test_a_component_named_like_a_built_in_has_its_qualified_name_alone(plugin: Plugin) -> None:
    found, said = loaded(plugin("one", bringing("relu", "own")))
    assert said == [line_of_one("one", "layer 'relu' is also built in, so write 'one.relu'")]
    assert states(found) == {"minidl-one": "conflict"}
    assert [meaning(found, name) for name in ("relu", "core.relu", "one.relu", "own")] == [
        *["minidl-core", "minidl-core", "minidl-one", "minidl-one"]
    ]


def test_a_plugin_is_told_all_that_is_taken_and_each_conflict_has_one_line(plugin: Plugin) -> None:
    found, said = loaded(plugin("one", bringing("dense", "relu")), plugin("two"), plugin("three"))
    assert report(found, "one").reason == (
        "layer 'dense' is also that of 'three' (minidl-three 1.2.3) and that of 'two' (minidl-two 1.2.3), "
        "so write 'one.dense'; layer 'relu' is also built in, so write 'one.relu'"
    )
    assert said == [
        line_of_one("one", "layer 'relu' is also built in, so write 'one.relu'"),
        "plugins 'one' (minidl-one 1.2.3), 'three' (minidl-three 1.2.3) and 'two' (minidl-two 1.2.3) all bring layer "
        "'dense', so write 'one.dense' or 'three.dense' or 'two.dense'"
        + ways_out(["one", "three", "two"], ["minidl-one", "minidl-three", "minidl-two"]),
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("ab", "layer 'a' and layer 'b'"),
        ("abc", "layer 'a', layer 'b' and layer 'c'"),
        ("abcd", "layer 'a', layer 'b', layer 'c' and 1 more"),
        ([f"x{number:04}" for number in range(2003)], "layer 'x0000', layer 'x0001', layer 'x0002' and 2,000 more"),
    ],
)
def test_of_many_names_that_the_same_plugins_bring_three_are_told(
    plugin: Plugin, names: Sequence[str], told: str
) -> None:
    found, said = loaded(plugin("one", bringing(*names)), plugin("two", bringing(*reversed(names), "own")))
    assert said == [
        f"plugins 'one' (minidl-one 1.2.3) and 'two' (minidl-two 1.2.3) both bring {told}, so write their names in "
        f"full, as in 'one.{names[0]}'" + ways_out(["one", "two"], ["minidl-one", "minidl-two"])
    ]
    assert reasons(found)["minidl-one"] == (
        f"{told} are also that of 'two' (minidl-two 1.2.3), so write their names in full, as in 'one.{names[0]}'"
    )


def test_of_many_names_that_are_built_in_three_are_told(plugin: Plugin) -> None:
    _, said = loaded(plugin("one", bringing("relu", "linear", "tanh", "sigmoid")), plugin("two", bringing("tanh")))
    assert said == [
        line_of_one(
            "one",
            "layer 'linear', layer 'relu', layer 'sigmoid' and 1 more are also built in, so write their names in full, "
            "as in 'one.linear'",
        ),
        line_of_one("two", "layer 'tanh' is also built in, so write 'two.tanh'"),
    ]


def test_each_group_of_plugins_has_a_line_of_its_own(plugin: Plugin) -> None:
    _, said = loaded(plugin("c", bringing("x", "y")), plugin("b", bringing("x", "z")), plugin("a", bringing("z")))
    assert [told.partition(", so")[0] for told in said] == [
        "plugins 'b' (minidl-b 1.2.3) and 'c' (minidl-c 1.2.3) both bring layer 'x'",
        "plugins 'a' (minidl-a 1.2.3) and 'b' (minidl-b 1.2.3) both bring layer 'z'",
    ]


def test_of_a_plugin_without_a_distribution_no_uninstallation_is_told(plugin: Plugin) -> None:
    bare = metadata.EntryPoint("bare", plugin("bare").value, "minidl")
    _, [told] = loaded(bare, plugin("one"))
    assert told.endswith(
        "; disable one with MINIDL_DISABLE_PLUGINS=bare or =one, or remove one with 'pip uninstall minidl-one'"
    )
    _, [told] = loaded(bare, metadata.EntryPoint("other", plugin("other").value, "minidl"))
    assert told.endswith("; disable one with MINIDL_DISABLE_PLUGINS=bare or =other")


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


SAME_NAME = (
    "plugins 'extra' (dist-a 1.2.3) and 'extra' (dist-b 1.2.3) have the same name, so that 'extra.NAME' may not tell "
    "them apart" + ways_out(["dist-a", "dist-b"], ["dist-a", "dist-b"])
)


def test_two_distributions_may_not_name_their_plugins_alike(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", bringing("a"), "dist-a"), plugin("extra", bringing("b"), "dist-b"))
    assert said == [SAME_NAME]
    assert reasons(found) == {
        "dist-a": "dist-b 1.2.3 has a plugin 'extra' too",
        "dist-b": "dist-a 1.2.3 has a plugin 'extra' too",
    }
    assert states(found) == {"dist-a": "conflict", "dist-b": "conflict"}
    assert [meaning(found, name) for name in ("a", "extra.a", "b", "extra.b")] == [
        *["dist-a", "dist-a", "dist-b", "dist-b"]
    ]


def test_where_their_components_are_named_alike_too_neither_can_be_named(plugin: Plugin) -> None:
    found, said = loaded(plugin("extra", DENSE, "dist-a"), plugin("extra", DENSE, "dist-b"))
    assert said == [SAME_NAME]
    assert reasons(found)["dist-a"] == (
        "dist-b 1.2.3 has a plugin 'extra' too; layer 'dense' is also that of 'extra' (dist-b 1.2.3), "
        "and neither can be named until one is disabled"
    )
    for name in "dense", "extra.dense":
        assert meaning(found, name) == (
            f"layer '{name}' is brought by several plugins; "
            "disable one of them with MINIDL_DISABLE_PLUGINS: dist-a or dist-b"
        )


def test_what_cannot_be_named_is_not_advised(plugin: Plugin) -> None:
    extras = [plugin("extra", DENSE, distribution) for distribution in ("dist-a", "dist-b")]
    _, said = loaded(*extras, plugin("two", DENSE, "dist-c"))
    assert said == [
        SAME_NAME,
        "plugins 'extra' (dist-a 1.2.3), 'extra' (dist-b 1.2.3) and 'two' (dist-c 1.2.3) all bring layer 'dense', "
        "so write 'two.dense'" + ways_out(["dist-a", "dist-b", "two"], ["dist-a", "dist-b", "dist-c"]),
    ]
    twos = [plugin("two", DENSE, distribution) for distribution in ("dist-d", "dist-e")]
    _, [*_, told] = loaded(*extras, *twos)
    assert "all bring layer 'dense', and none can be named until some are disabled; " in told


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


def disabled_as_told(said: str) -> list[str]:
    """The names that a line offers to disable."""
    [first, others] = re.findall(r"MINIDL_DISABLE_PLUGINS=([\w-]+)((?: or =[\w-]+)*)", said)[0]
    return [first, *others.split(" or =")[1:]]


@pytest.mark.parametrize("case", CONFLICTS)
def test_disabling_a_plugin_as_its_line_says_disables_it_alone(plugin: Plugin, case: str) -> None:
    entry_points = [plugin(*arguments) for arguments in CONFLICTS[case]]
    before, said = loaded(*entry_points)
    for told in said:
        in_conflict = re.findall(r"\((\S+) 1\.2\.3\)", told.partition(";")[0])
        disabled = []
        for name in disabled_as_told(told):
            after, then = loaded(*entry_points, environment={"MINIDL_DISABLE_PLUGINS": name})
            disabled += [distribution for distribution, state in states(after).items() if state == "disabled"]
            assert told not in then
            assert len(before.reports) > 3 or then == []
        assert disabled == in_conflict


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
