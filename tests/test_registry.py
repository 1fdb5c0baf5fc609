"""Names -> components: which names there may be, and what each one means whatever the order of plugins."""

from __future__ import annotations

import itertools

import pytest

from minidl_core.errors import PluginError, UnknownNameError
from minidl_core.nn import Linear, ReLU
from minidl_core.registry import CORE, Provider, Registrar, Registration, Registry

LINEAR = "minidl_core.nn.linear:Linear"
RELU = "minidl_core.nn.activations:ReLU"
REGISTRABLE = ["layer", "loss", "optimizer", "initializer", "dataset", "metric", "schedule"]


def brought(plugin: str, distribution: str = "", /, **layers: str) -> list[Registration]:
    """What a plugin registers: layers by name."""
    registrar = Registrar(Provider(plugin, distribution or f"minidl-{plugin}", "1.0"))
    for name, target in layers.items():
        registrar.layer(name, target, summary=f"{name} of {plugin}")
    return registrar.registrations


def registry_of(*plugins: list[Registration]) -> Registry:
    registry = Registry()
    for registrations in plugins:
        registry.commit(registrations)
    return registry


# -- what may be registered -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REGISTRABLE)
@pytest.mark.parametrize("name", ["a", "relu", "leaky_relu", "conv2d", "x1_", "trues"])
def test_lower_case_names_are_registered(kind: str, name: str) -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    getattr(registrar, kind)(name, "a.b:C", summary="a thing")
    [registration] = registrar.registrations
    assert registration == Registration(kind, name, "a.b:C", "a thing", registrar.provider)
    assert registration.qualified_name == f"extra.{name}"


@pytest.mark.parametrize("kind", REGISTRABLE)
@pytest.mark.parametrize(
    "name",
    ["", "ReLU", "2d", "_relu", "leaky-relu", "a.b", "a b", " a", "a\n", "é", "ａ", "true", "false", "none", None, 3],
)
def test_other_names_are_refused(kind: str, name: str) -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    with pytest.raises(PluginError, match=f"invalid {kind} name"):
        getattr(registrar, kind)(name, "a.b:C", summary="a thing")
    assert registrar.registrations == []


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a.b",
        "a.b.C",
        "a.b:",
        ":C",
        "a b:C",
        "a:b:C",
        "a:B.C",
        "a:C()",
        "a:2",
        ".a:C",
        "a/b:C",
        "a:C\n",
        None,
        Linear,
    ],
)
def test_a_target_is_a_module_and_a_class(target: str) -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    with pytest.raises(PluginError, match=r"invalid target .* of layer 'any': write 'package\.module:Class'"):
        registrar.layer("any", target, summary="a thing")


def test_names_and_summaries_may_be_long_but_not_endless() -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    registrar.layer("x" * 100, "a:B", summary="y" * 200)
    with pytest.raises(PluginError, match=r"^the layer name 'x{20}\.\.\.' has 1,001 characters, at most 100$"):
        registrar.layer("x" * 1001, "a:B", summary="a thing")
    with pytest.raises(PluginError, match=r"^the summary of layer 'any' has 201 characters, at most 200$"):
        registrar.layer("any", "a:B", summary="y" * 201)
    assert [len(one.name) for one in registrar.registrations] == [100]


def test_a_plugin_registers_a_name_once_of_each_kind() -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    registrar.layer("any", LINEAR, summary="a thing")
    registrar.loss("any", "a:B", summary="a thing")
    with pytest.raises(PluginError, match="layer 'any' is registered twice"):
        registrar.layer("any", RELU, summary="a thing")


# -- what a name means ----------------------------------------------------------------------------------------


def test_a_name_that_one_plugin_brings_means_it_bare_or_qualified() -> None:
    registry = registry_of(brought("extra", dense=LINEAR))
    assert registry.find("layer", "dense") is registry.find("layer", "extra.dense")
    assert registry.find("layer", "dense").load() is Linear


def test_a_name_means_nothing_among_another_kind() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'dense'; there are none"):
        registry_of(brought("extra", dense=LINEAR)).find("loss", "dense")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("desne", "did you mean 'dense'?"),
        ("DENSE", "did you mean 'dense'?"),
        ("extra.desne", "did you mean 'extra.dense'?"),
        ("other.dense", "did you mean 'extra.dense'?"),
        ("zzz", "there are: conv, dense"),
    ],
)
def test_an_unknown_name_is_refused_with_what_there_is(name: str, advice: str) -> None:
    registry = registry_of(brought("extra", dense=LINEAR, conv=RELU))
    with pytest.raises(UnknownNameError) as refused:
        registry.find("layer", name)
    assert str(refused.value) == f"unknown layer '{name}'; {advice}"


def test_where_a_name_is_unknown_the_plugins_that_are_left_out_are_told() -> None:
    registry = Registry(["optim (disabled)", "broken (failed)"])
    registry.commit(brought("extra", dense=LINEAR))
    with pytest.raises(UnknownNameError) as refused:
        registry.find("layer", "desne")
    assert str(refused.value) == (
        "unknown layer 'desne'; did you mean 'dense'?; plugins that are not in use: optim (disabled), broken (failed)"
    )


PLUGINS = [
    brought("one", dense=LINEAR, own=LINEAR),
    brought("two", dense=RELU),
    brought("three", "minidl-three", linear=RELU, dense=RELU),
    brought("three", "minidl-drei", dense=LINEAR),
    brought(CORE, "minidl-core", linear=LINEAR, relu=RELU),
]


def meanings(registry: Registry) -> dict[str, object]:
    """What each name means in a registry, or why it means nothing."""
    found: dict[str, object] = {}
    for name in [
        "dense",
        "one.dense",
        "two.dense",
        "three.dense",
        "own",
        "linear",
        "core.linear",
        "three.linear",
        "nil",
    ]:
        try:
            found[name] = registry.find("layer", name)
        except UnknownNameError as error:
            found[name] = str(error)
    found["components"] = registry.components()
    found["names"] = registry.names("layer")
    found["of Linear"] = registry.of(Linear)
    found["of ReLU"] = registry.of(ReLU)
    found["to write"] = [registry.name_to_write(registration) for registration in registry.components()]
    return found


def test_no_outcome_depends_on_the_order_of_plugins() -> None:
    expected = meanings(registry_of(*PLUGINS))
    for order in itertools.permutations(PLUGINS):
        assert meanings(registry_of(*order)) == expected


def test_neither_of_two_plugins_wins_a_name() -> None:
    registry = registry_of(brought("one", dense=LINEAR), brought("two", dense=RELU))
    with pytest.raises(UnknownNameError) as refused:
        registry.find("layer", "dense")
    assert str(refused.value) == "layer 'dense' is brought by several plugins; write 'one.dense' or 'two.dense'"
    assert registry.find("layer", "one.dense").load() is Linear
    assert registry.find("layer", "two.dense").load() is ReLU
    assert [registry.name_to_write(r) for r in registry.components()] == ["one.dense", "two.dense"]


def test_a_name_that_is_ambiguous_disturbs_no_other() -> None:
    registry = registry_of(brought("one", dense=LINEAR, own=RELU), brought("two", dense=RELU))
    assert registry.find("layer", "own").provider.plugin == "one"


def test_built_ins_keep_their_bare_names() -> None:
    registry = registry_of(brought("aaa", linear=RELU), brought(CORE, linear=LINEAR), brought("zzz", linear=RELU))
    assert registry.find("layer", "linear").load() is Linear
    assert registry.find("layer", "aaa.linear").load() is ReLU
    assert registry.name_to_write(registry.find("layer", "core.linear")) == "linear"
    assert registry.name_to_write(registry.find("layer", "zzz.linear")) == "zzz.linear"


def test_two_plugins_of_one_name_are_told_apart_by_their_distributions() -> None:
    registry = registry_of(brought("extra", "b-dist", dense=LINEAR), brought("extra", "a-dist", dense=RELU))
    for name in ("dense", "extra.dense"):
        with pytest.raises(UnknownNameError) as refused:
            registry.find("layer", name)
        assert str(refused.value) == (
            f"layer '{name}' is brought by several plugins; "
            "disable one of them with MINIDL_DISABLE_PLUGINS: a-dist or b-dist"
        )


def test_components_are_listed_by_kind_name_and_plugin() -> None:
    registrar = Registrar(Provider("extra", "minidl-extra", "1.0"))
    registrar.metric("f1", "a:B", summary="a thing")
    registrar.loss("b", "a:B", summary="a thing")
    registrar.loss("a", "a:B", summary="a thing")
    registry = registry_of(registrar.registrations, brought("one", z=LINEAR, a=RELU))
    assert [(r.kind, r.qualified_name) for r in registry.components()] == [
        *[("layer", "one.a"), ("layer", "one.z")],
        *[("loss", "extra.a"), ("loss", "extra.b"), ("metric", "extra.f1")],
    ]
    assert [r.name for r in registry.components("loss")] == ["a", "b"]
    assert [r.name for r in registry.components(plugin="one")] == ["a", "z"]
    assert [r.name for r in registry.components("layer", "minidl-one")] == ["a", "z"]
    assert registry.components("loss", "one") == []
    assert registry.names("layer") == ["a", "z"]


def test_a_class_that_is_registered_twice_is_the_cores() -> None:
    for plugins in itertools.permutations([brought("aaa", dense=LINEAR), brought(CORE, linear=LINEAR)]):
        registration = registry_of(*plugins).of(Linear)
        assert registration is not None
        assert registration.qualified_name == "core.linear"


def test_a_class_that_no_one_registered_has_no_registration() -> None:
    assert registry_of(brought("extra", dense=LINEAR)).of(ReLU) is None
