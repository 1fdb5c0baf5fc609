"""`minidl check`: what is checked, what is said, and the exit code."""

from __future__ import annotations

import json

import pytest
from plugin_code import HOOK, Plugin

from minidl_core.plugins import registry

FAULTY = (
    HOOK
    + """
    registry.layer("faulty", f"{__name__}:Faulty", summary="x, with the derivative of 2 x")

from minidl_core.nn import Module

class Faulty(Module):
    \"\"\"x.\"\"\"

    def forward(self, x):
        return x

    def backward(self, dy):
        STATEMENT
        return 2 * dy
"""
)


def test_named_components_are_checked_of_whatever_kind(minidl):
    ran = minidl("check", "relu", "core.mse", "normal")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:2] for line in ran.out.splitlines()[1:5]] == [
        *[["layer", "relu"], ["loss", "mse"], ["metric", "mse"], ["initializer", "normal"]]
    ]
    assert "of 4 components ran: none failed" in ran.out


def test_a_plugins_components_are_checked_and_each_check_is_told_as_json(minidl):
    ran = minidl("check", "--plugin", "minidl-core", "--json")
    assert ran.code == 0
    told = ran.json()
    assert {(one["kind"], one["name"]) for one in told} == {
        (one.kind, one.name) for one in registry().components(plugin="core")
    }
    assert {one["outcome"] for one in told} == {"passed", "skipped"}
    assert all(one["detail"] for one in told if one["outcome"] == "skipped")


def test_what_fails_is_told_and_is_the_exit_code(minidl, plugin: Plugin):
    plugin("extra", FAULTY.replace("STATEMENT", "print('backward')"))
    ran = minidl("check", "faulty")
    assert ran.code == 1
    assert (
        "failed: faulty: the gradient of the input equals central differences: the gradient of the input is" in ran.out
    )
    assert "(a factor of 2)" in ran.out
    told = minidl("check", "faulty", "--json")
    assert told.code == 1
    assert "failed" in {one["outcome"] for one in json.loads(told.out)}
    assert "backward" in told.err


def test_what_raises_is_told_with_its_place(minidl, plugin: Plugin):
    entry_point = plugin("extra", FAULTY.replace("STATEMENT", "raise ValueError('no')"))
    ran = minidl("check", "faulty")
    assert ran.code == 1
    assert "ValueError: no (" in ran.out
    assert f"{entry_point.module}.py, line " in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sigmiod"], "there is no component 'sigmiod'; did you mean 'sigmoid'?"),
        (["core"], "there is no component 'core'; it is a plugin: --plugin core"),
        (["--plugin", "nope"], "no plugin 'nope' brings components; those that do: core"),
        (["--plugin", "pluggy"], "no plugin of it is installed; the distribution is, and declares no entry point of"),
    ],
)
def test_a_name_of_nothing_is_refused_with_what_to_do(minidl, arguments, said):
    ran = minidl("check", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
