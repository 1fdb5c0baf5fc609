"""An error in a plugin's component is told as that component's, and not as minidl's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_code import HOOK

CODE = (
    HOOK
    + """
    registry.layer("faulty", f"{__name__}:Faulty", summary="x, until it fails")

from minidl_core.nn import Module

class Faulty(Module):
    def forward(self, x):
        AT_FORWARD
        return x

    def backward(self, dy):
        AT_BACKWARD
        return dy
"""
)
TRAIN = ("train", "disk(n=20)", "--model", "linear(_,4)-faulty-linear(4,_)", "--epochs", 1)


@pytest.mark.parametrize("place", ["AT_FORWARD", "AT_BACKWARD"])
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("raise ValueError('no such thing')", "ValueError: no such thing"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("self.absent", "AttributeError: 'Faulty' object has no attribute 'absent'"),
        ("x.view(7, 7) if 'x' in locals() else dy.view(7, 7)", "RuntimeError: shape '[7, 7]' is invalid for input"),
    ],
)
def test_a_component_that_fails_in_a_training_is_named(minidl, plugin, place, statement, said):
    other = {"AT_FORWARD": "AT_BACKWARD", "AT_BACKWARD": "AT_FORWARD"}[place]
    plugin("extra", CODE.replace(place, statement).replace(other, "pass"))
    ran = minidl(*TRAIN)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"minidl: layer 'faulty' of minidl-extra 1.2.3 failed: {said}")
    assert "MINIDL_DISABLE_PLUGINS=minidl-extra" in ran.err
    assert "pip uninstall minidl-extra" in ran.err
    assert "internal error" not in ran.err
    assert not list(Path().rglob("*.safetensors"))


def test_an_error_that_is_no_plugins_is_minidls_own(minidl, monkeypatch):
    def fails(*_: object) -> None:
        raise ValueError("not foreseen")

    monkeypatch.setattr("minidl_core.nn.linear.Linear.backward", fails)
    ran = minidl("train", "disk(n=20)", "--model", "linear(_,_)", "--epochs", 1)
    assert ran.code == 1
    assert ran.err == "minidl: internal error: ValueError: not foreseen; MINIDL_DEBUG=1 shows where\n"


def test_what_a_component_prints_in_a_training_does_not_mix_with_its_result(minidl, plugin):
    plugin("extra", CODE.replace("AT_FORWARD", "print('forward')").replace("AT_BACKWARD", "pass"))
    ran = minidl(*TRAIN, "--json")
    assert ran.json()["epochs"] == 1
    assert "forward\n" in ran.err
