"""`list-components`, `show`, `plugins`, `describe`: what there is to read before anything is trained."""

from __future__ import annotations

import importlib
import inspect

import pytest

from minidl_core.plugins import registry


def test_list_components_names_every_registered_component_with_its_origin(minidl):
    ran = minidl("list-components", "--json")
    listed = {(one["kind"], one["name"], one["distribution"]) for one in ran.json()}
    assert ran.code == 0
    assert listed == {(r.kind, r.name, r.provider.distribution) for r in registry().components()}


def test_every_listed_component_has_a_signature_and_a_summary(minidl):
    for one in minidl("list-components", "--json").json():
        assert one["signature"] is not None, one["name"]
        assert one["summary"], one["name"]


def test_list_components_shows_signatures_in_the_notation_of_specs(minidl):
    line = next(line for line in minidl("list-components").out.splitlines() if " linear(" in line)
    assert line.split() == [
        "layer",
        "linear(in_features,out_features,bias=true,init=kaiming_uniform)",
        *["fully", "connected", "layer,", "y", "=", "x", "W", "+", "b"],
        "minidl-core",
        importlib.metadata.version("minidl-core"),
    ]


def test_list_components_can_be_narrowed_by_kind_and_plugin(minidl):
    kinds = {one["kind"] for one in minidl("list-components", "--kind", "dataset", "--json").json()}
    plugins = {one["plugin"] for one in minidl("list-components", "--plugin", "minidl-core", "--json").json()}
    assert (kinds, plugins) == ({"dataset"}, {"core"})


def test_an_unknown_plugin_or_kind_is_refused(minidl):
    plugin, kind = minidl("list-components", "--plugin", "nope"), minidl("list-components", "--kind", "lyer")
    assert (plugin.code, kind.code) == (2, 2)
    assert "core" in plugin.err
    assert "layer" in kind.err


@pytest.mark.parametrize("registration", registry().components(), ids=lambda r: f"{r.kind}-{r.name}")
def test_show_prints_the_source_and_documentation_of_each_component(minidl, registration):
    component = registration.load()
    ran = minidl("show", registration.qualified_name, "--json")
    shown = ran.json()
    shown = next(one for one in shown if one["kind"] == registration.kind) if isinstance(shown, list) else shown
    assert shown["source"].strip() == inspect.getsource(component).strip()
    assert shown["documentation"] == inspect.cleandoc(component.__doc__)
    assert shown["source"].strip() in minidl("show", registration.qualified_name).out


def test_show_suggests_the_nearest_name(minidl):
    ran = minidl("show", "sigmiod")
    assert ran.code == 2
    assert "did you mean 'sigmoid'?" in ran.err
    assert "did you mean 'core.sigmoid'?" in minidl("show", "core.sigmiod").err


def test_plugins_lists_the_core_first_and_each_plugins_components(minidl):
    core, *_ = minidl("plugins", "--json").json()
    assert (core["plugin"], core["distribution"], core["state"]) == ("core", "minidl-core", "ok")
    assert "layer linear" in core["components"]
    assert "minidl-core" in minidl("plugins").out


def test_describe_gives_each_layers_shape_parameters_and_operations(minidl):
    ran = minidl("describe", "h:(linear(2,25)-relu)-linear(25,3,bias=false)", "--json")
    described = ran.json()
    assert described["layers"] == [
        {"name": "h.0", "spec": "linear(2,25)", "output": [25], "parameters": 75, "operations": 2 * 2 * 25 + 25},
        {"name": "h.1", "spec": "relu", "output": [25], "parameters": 0, "operations": 25},
        {"name": "1", "spec": "linear(25,3,bias=false)", "output": [3], "parameters": 75, "operations": 2 * 25 * 3},
    ]
    assert (described["input"], described["output"], described["parameters"]) == ([2], [3], 150)


def test_describe_fills_sizes_in_from_the_input(minidl):
    ran = minidl("describe", "linear(_,25)-relu-linear(_,2)", "--input", "4")
    assert ran.code == 0
    assert "linear(4,25)" in ran.out
    assert "linear(25,2)" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["relu-tanh"], "--input 4"),
        (["linear(_,2)"], "the size of the input is not known"),
        (["linear(4,2)", "--input", "3"], "linear expects 4 inputs but gets 3"),
        (["linear(4,2)", "--input", "0"], "'0' is no size"),
        (["linear(4,2)", "--input", "axb"], "'axb' is no size"),
        (["linear(4,2", "--input", "4"], "expected ',' or ')', found the end of the spec"),
        (["linear(1e9,2)"], "in_features must be a whole number"),
        (["linear(100000,100000)"], "parameters"),
    ],
)
def test_describe_refuses_what_does_not_fit(minidl, arguments, message):
    ran = minidl("describe", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
