"""What only reads does so where torch is not installed at all, with all plugins of this repository."""

from __future__ import annotations

import json
import venv
from pathlib import Path

import pytest
from environments import install, run

from minidl_core.plugins import registry
from minidl_core.spec.signature import signature_of

ROOT = Path(__file__).parents[2]
LIGHT = ("click", "packaging", "pluggy", "rich")
"""What the core needs for all that imports no component."""
READING = (
    ["--help"],
    ["list-components"],
    ["plugins"],
    ["show", "adam"],
    ["train", "--help"],
    ["tensorboard", "--help"],
    ["new-plugin", "mine", "--kind", "loss"],
)


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Path:
    """An environment with the wheels of this repository, and without torch, numpy and tensorboard."""
    folder = tmp_path_factory.mktemp("without-torch")
    venv.create(folder, with_pip=True)
    install(folder, "--constraint", ROOT / "constraints.txt", *LIGHT)
    install(folder, "--no-deps", *wheels.values())
    return folder


@pytest.mark.slow
def test_all_components_are_listed_with_the_signatures_that_importing_gives(without_torch: Path) -> None:
    ran = run(without_torch, without_torch, ["minidl", "list-components", "--json"])
    assert (ran.returncode, ran.stderr) == (0, "")
    listed = {(one["kind"], one["qualified_name"]): one for one in json.loads(ran.stdout)}
    ours = [one for one in registry().components() if one.provider.distribution.startswith("minidl-")]
    assert listed.keys() == {(one.kind, one.qualified_name) for one in ours}
    for one in ours:
        found = listed[one.kind, one.qualified_name]
        assert (found["signature"], found["summary"]) == (signature_of(one.load()), one.summary)


@pytest.mark.slow
@pytest.mark.parametrize("command", READING, ids=lambda command: command[0])
def test_what_only_reads_needs_no_torch(without_torch: Path, command: list[str], tmp_path: Path) -> None:
    ran = run(without_torch, tmp_path, ["minidl", *command])
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.slow
def test_what_needs_torch_says_so(without_torch: Path) -> None:
    ran = run(without_torch, without_torch, ["minidl", "describe", "linear(2,2)"])
    assert ran.returncode == 2
    assert "layer 'linear' of minidl-core" in ran.stderr
    assert "No module named 'torch'" in ran.stderr
    assert "Traceback" not in ran.stderr
