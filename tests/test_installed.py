"""What is told from metadata alone: which plugins may be imported, and what the environment's lists name."""

from __future__ import annotations

from pathlib import Path

import packaging.utils
import pytest
from plugin_code import CORE_VERSION, NEXT_CORE, Plugin, bringing, brings, is_imported, loaded, ran, report, states

from minidl_core.errors import PluginError
from minidl_core.installed import disabling_name
from minidl_core.plugins import load_plugins
from minidl_core.registry import CORE, Provider, canonical

# -- the core that a plugin asks for --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "requirement",
    [
        f"minidl-core>={NEXT_CORE}",
        f"minidl_core >={NEXT_CORE}",
        f"Minidl.Core[dev]>={NEXT_CORE}; python_version>'3'",
        f"minidl-core!={CORE_VERSION}",
    ],
)
def test_a_plugin_for_another_core_is_left_out_without_being_imported(plugin: Plugin, requirement: str) -> None:
    entry_point = plugin("extra", requires=("torch>=2", requirement))
    found, [said] = loaded(entry_point)
    assert report(found, "extra").state == "incompatible"
    assert report(found, "extra").reason.startswith("it requires minidl-core")
    assert report(found, "extra").reason.endswith(f", and this is minidl-core {CORE_VERSION}")
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
        f"minidl-core>=0,<{NEXT_CORE}",
        f"minidl-core>={NEXT_CORE}; python_version<'3'",
        f"minidl-core>={NEXT_CORE}; extra=='later'",
        f"minidl-core-tools>={NEXT_CORE}",
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
    entry_points = [plugin("extra"), plugin("extra"), plugin("good", bringing("own"))]
    for number in (0, 1):
        (tmp_path / f"plug_{number}-1.2.3.dist-info" / "METADATA").unlink()
    found, _ = loaded(*entry_points)
    assert found.registry.find("layer", "own").provider.plugin == "good"
    assert len(found.reports) == 4


# -- leaving plugins out --------------------------------------------------------------------------------------

THREE = ("one", "two", "three")


@pytest.mark.parametrize(
    ("environment", "ok"),
    [
        ({}, THREE),
        ({"MINIDL_LOAD_PLUGINS": ""}, ()),
        ({"MINIDL_LOAD_PLUGINS": " , "}, ()),
        ({"MINIDL_LOAD_PLUGINS": "two"}, ("two",)),
        ({"MINIDL_LOAD_PLUGINS": " one ,minidl-three,"}, ("one", "three")),
        ({"MINIDL_DISABLE_PLUGINS": ""}, THREE),
        ({"MINIDL_DISABLE_PLUGINS": "two"}, ("one", "three")),
        ({"MINIDL_DISABLE_PLUGINS": "minidl-one, three"}, ("two",)),
        ({"MINIDL_DISABLE_PLUGINS": "two,two,minidl-two"}, ("one", "three")),
        ({"MINIDL_LOAD_PLUGINS": "one,two", "MINIDL_DISABLE_PLUGINS": "two"}, ("one",)),
        ({"MINIDL_LOAD_PLUGINS": "two", "MINIDL_DISABLE_PLUGINS": "two"}, ()),
    ],
)
def test_the_environment_leaves_plugins_out_before_they_are_imported(
    plugin: Plugin, environment: dict[str, str], ok: tuple[str, ...]
) -> None:
    entry_points = [plugin(name, bringing(f"of_{name}")) for name in THREE]
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
    found, said = loaded(plugin("extra", "1 / 0", requires=(f"minidl-core>={NEXT_CORE}",)), environment=environment)
    assert said == []
    assert (report(found, "extra").state, report(found, "extra").reason) == ("disabled", reason)


@pytest.mark.parametrize(
    "name", ["of_someone", "OF-Someone", "Minidl_Of.Someone", "minidl-of-someone", "minidl--of_someone"]
)
@pytest.mark.parametrize("distribution", ["minidl-of-someone", "Minidl.Of_Someone"])
def test_names_are_compared_as_pip_compares_them(plugin: Plugin, name: str, distribution: str) -> None:
    entry_points = [plugin("of_someone", bringing("a"), distribution), plugin("other", bringing("b"))]
    disabled, said = loaded(*entry_points, environment={"MINIDL_DISABLE_PLUGINS": name})
    assert said == []
    assert states(disabled) == {distribution: "disabled", "minidl-other": "ok"}
    allowed, said = loaded(*entry_points, environment={"MINIDL_LOAD_PLUGINS": name})
    assert said == []
    assert states(allowed) == {distribution: "ok", "minidl-other": "disabled"}


def test_a_part_of_a_name_names_nothing(plugin: Plugin) -> None:
    found, [said] = loaded(plugin("extra"), environment={"MINIDL_DISABLE_PLUGINS": "minidl"})
    assert states(found) == {"minidl-extra": "ok"}
    assert said.startswith("MINIDL_DISABLE_PLUGINS names 'minidl', ")


def test_the_core_cannot_be_left_out(plugin: Plugin) -> None:
    found, _ = loaded(plugin("extra"), environment={"MINIDL_DISABLE_PLUGINS": "core", "MINIDL_LOAD_PLUGINS": ""})
    assert found.reports[0].state == "ok"
    assert brings(found, CORE)


@pytest.mark.parametrize("name", ["core", "minidl-core", "Minidl_Core"])
def test_who_disables_the_core_is_told_that_it_cannot_be(plugin: Plugin, name: str) -> None:
    found, said = loaded(plugin("extra"), environment={"MINIDL_DISABLE_PLUGINS": f"extra,{name}"})
    assert said == [f"MINIDL_DISABLE_PLUGINS names '{name}', which cannot be disabled: it is minidl itself"]
    assert states(found) == {"minidl-extra": "disabled"}
    assert brings(found, CORE)


@pytest.mark.parametrize("name", ["core", "minidl-core"])
def test_who_names_the_core_among_those_to_load_has_the_core_alone(plugin: Plugin, name: str) -> None:
    found, said = loaded(plugin("extra"), environment={"MINIDL_LOAD_PLUGINS": name})
    assert said == []
    assert [one.state for one in found.reports] == ["ok", "disabled"]


# -- names of nothing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["MINIDL_LOAD_PLUGINS", "MINIDL_DISABLE_PLUGINS"])
def test_a_name_that_no_plugin_has_is_told_with_what_is_installed(plugin: Plugin, variable: str) -> None:
    entry_points = [plugin("two", bringing("b")), plugin("one", bringing("a"))]
    _, said = loaded(*entry_points, environment={variable: "one, Onne ,minidl-two"})
    assert said == [
        f"{variable} names 'Onne', which is the name of no plugin or distribution; installed are: one "
        "(minidl-one), two (minidl-two)"
    ]


def test_each_name_of_nothing_has_a_line_of_its_own(plugin: Plugin) -> None:
    environment = {"MINIDL_LOAD_PLUGINS": "x,one,y,x", "MINIDL_DISABLE_PLUGINS": "z"}
    found, said = loaded(plugin("one"), environment=environment)
    assert [line.partition(", which")[0] for line in said] == [
        "MINIDL_LOAD_PLUGINS names 'x'",
        "MINIDL_LOAD_PLUGINS names 'y'",
        "MINIDL_DISABLE_PLUGINS names 'z'",
    ]
    assert states(found) == {"minidl-one": "ok"}


def test_where_nothing_is_installed_that_is_told() -> None:
    _, said = loaded(environment={"MINIDL_DISABLE_PLUGINS": "one"})
    assert said == [
        "MINIDL_DISABLE_PLUGINS names 'one', which is the name of no plugin or distribution; installed are: none"
    ]


def test_a_name_of_nothing_raises_where_strictness_is_asked_for(plugin: Plugin) -> None:
    environment = {"MINIDL_DISABLE_PLUGINS": "onne", "MINIDL_STRICT_PLUGINS": "1"}
    with pytest.raises(PluginError, match=r"^MINIDL_DISABLE_PLUGINS names 'onne', which is the name of no plugin"):
        load_plugins([plugin("one")], environment)


def test_a_distribution_of_commands_alone_may_be_named(plugin: Plugin, tmp_path: Path) -> None:
    plugin("hello_test", "", "minidl-only-commands", group="minidl.commands")
    for name in "hello_test", "minidl_only_commands":
        one = ran(tmp_path, "-m", "minidl_core", "plugins", MINIDL_DISABLE_PLUGINS=name)
        assert (one.returncode, one.stderr) == (0, "")


# -- the ways out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        (Provider("own", "minidl-own", "1"), "own"),
        (Provider("shared", "dist-a", "1"), "dist-a"),
        (Provider("shared", "dist-b", "2"), "dist-b"),
        (Provider("dist_c", "minidl-named-like-another", "1"), "minidl-named-like-another"),
        (Provider("so_so", "dist-d", "1"), "dist-d"),
        (Provider("so__so", "dist-e", "1"), "dist-e"),
        (Provider("core", "minidl-evil", "1"), "minidl-evil"),
        (Provider("two_of", "dist-f", "1"), "two_of"),
        (Provider("of_two", "dist-f", "1"), "of_two"),
        (Provider("Odd-Name.2", "dist-g", "1"), "Odd-Name.2"),
        (Provider("two words", "dist-g", "1"), "dist-g"),
        (Provider("a,b", "dist-g", "1"), "dist-g"),
        (Provider("", "dist-g", "1"), "dist-g"),
    ],
)
def test_a_way_out_names_what_can_be_written_and_no_other_plugin_bears(provider: Provider, named: str) -> None:
    names = {
        "minidl-own": ["own"],
        "minidl-core": ["core"],
        "minidl-evil": ["core"],
        "dist-a": ["shared"],
        "dist-b": ["shared"],
        "dist-c": ["third"],
        "minidl-named-like-another": ["dist_c"],
        "dist-d": ["so_so"],
        "dist-e": ["so__so"],
        "dist-f": ["two_of", "of_two"],
    }
    everyone = [Provider(name, distribution, "1") for distribution, listed in names.items() for name in listed]
    assert disabling_name(provider, everyone) == named
    assert provider.ways_out(named) == (
        f"disable it with MINIDL_DISABLE_PLUGINS={named} or remove it with 'pip uninstall {provider.distribution}'"
    )


@pytest.mark.parametrize("name", ["Minidl_Optim", "minidl.optim", "MINIDL-_.optim", "minidl-optim"])
def test_a_canonical_name_is_that_of_packaging(name: str) -> None:
    assert canonical(name) == packaging.utils.canonicalize_name(name) == "minidl-optim"
