"""A plugin that `minidl new-plugin` wrote is built, installed in a fresh environment, tested and found there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from environments import build, install, run, uninstall

KINDS = ("layer", "loss", "optimizer")


@pytest.mark.slow
def test_one_of_each_kind_is_built_installed_tested_and_found(environment: Path, tmp_path: Path) -> None:
    for kind in KINDS:
        made = run(environment, tmp_path, ["minidl", "new-plugin", f"my-{kind}", "--kind", kind])
        assert made.returncode == 0, made.stderr
    wheels = [build(tmp_path / f"minidl-my-{kind}", tmp_path / "wheels" / kind) for kind in KINDS]
    distributions = [f"minidl-my-{kind}" for kind in KINDS]
    install(environment, "--no-deps", *wheels)
    try:
        for kind in KINDS:
            # Beside the package's own folder, so that what is installed is what is tested.
            tests = tmp_path / "tests" / kind
            tests.parent.mkdir(exist_ok=True)
            (tmp_path / f"minidl-my-{kind}" / "tests").rename(tests)
            tested = run(environment, tests, ["python", "-W", "error", "-m", "pytest", "-q"])
            assert tested.returncode == 0, tested.stdout
            assert re.search(r"minidl: [1-9]\d* conformance checks ran: [1-9]\d* passed", tested.stdout)
        listed = json.loads(run(environment, tmp_path, ["minidl", "list-components", "--json"]).stdout)
        assert {(one["kind"], one["name"], one["distribution"]) for one in listed if one["plugin"] != "core"} == {
            (kind, f"my_{kind}", f"minidl-my-{kind}") for kind in KINDS
        }
        checked = run(environment, tmp_path, ["minidl", "check", *(f"my_{kind}" for kind in KINDS)])
        assert checked.returncode == 0, checked.stdout + checked.stderr
        spec = "linear(_,8)-my_layer(_)-linear(8,_)"
        options = ["--model", spec, "--loss", "my_loss(delta=2)", "--optimizer", "my_optimizer", "--epochs", "2"]
        trained = run(environment, tmp_path, ["minidl", "train", "disk(n=50)", *options])
        assert trained.returncode == 0, trained.stderr
        assert "linear(2,8)-my_layer(8)-linear(8,2)" in trained.stdout
    finally:
        uninstall(environment, *distributions)
