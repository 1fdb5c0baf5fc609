"""The plugin as a whole: how it is installed, and a training from the shell."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minidl_core.plugins import loaded_plugins

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_plugin_is_loaded_whole():
    [report] = [report for report in loaded_plugins().reports if report.provider.distribution == "minidl-tensorboard"]
    assert (report.state, report.reason, report.provider.plugin) == ("ok", "", "tensorboard")


@pytest.mark.parametrize("module", ["plugin", "command"])
def test_entry_points_import_neither_torch_nor_tensorboard(module):
    heavy = "{'torch', 'tensorboard', 'numpy', 'google.protobuf'}"
    check = f"import sys, minidl_tensorboard.{module}; sys.exit(str({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert ran.stderr == "set()\n"


def test_listing_components_and_commands_imports_neither(tmp_path, minidl):
    prelude = "import atexit, sys; atexit.register(lambda: print({'torch', 'tensorboard'} & set(sys.modules)))"
    assert minidl("list-components", "--kind", "loss", cwd=tmp_path, prelude=prelude).stdout.endswith("\nset()\n")
    helped = minidl("--help", cwd=tmp_path, prelude=prelude).stdout
    assert re.search(r"^  tensorboard +From minidl-tensorboard ", helped, re.MULTILINE)
    assert helped.endswith("\nset()\n")


@pytest.mark.parametrize("rounds", [1, 3])
def test_training_from_the_shell_is_read_back(tmp_path, minidl, read, rounds):
    options = ["--model", "linear(_,8)-tanh-linear(8,_)", "--epochs", "7", "--rounds", str(rounds), "--seed", "3"]
    ran = minidl("train", "moons(n=40)", *options, "--out", "run", "--json", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    curves, printed = read(tmp_path / "run"), json.loads(ran.stdout)
    assert len(curves) == (4 if rounds > 1 else 1)
    for r in range(rounds):
        of_round = curves[f"tensorboard/seed-{3 + r}"]
        assert [step for step, _ in of_round["epoch/loss"]] == [1, 2, 3, 4, 5, 6, 7]
        for part in "train", "test":
            for metric in "loss", "accuracy":
                [(step, value)] = of_round[f"final/{metric}/{part}"]
                assert (step, value) == (7, torch.tensor(printed[part][metric]["values"][r]).item())


def test_diverged_training_from_the_shell_is_read_back(tmp_path, minidl, read):
    request = ["--model", "linear(_,8)-linear(8,_)", "--loss", "mse", "--optimizer", "sgd(lr=2)", "--epochs", "500"]
    ran = minidl("train", "moons(n=40)", *request, "--out", "run", cwd=tmp_path)
    assert ran.returncode == 1
    assert "minidl_run" not in ran.stderr
    assert read(tmp_path / "run")["tensorboard/seed-0"]["epoch/loss"][0][0] == 1


@pytest.mark.parametrize("example", re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
def test_python_examples_of_the_readme_run(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})


def test_readme_names_what_is_written(tmp_path, minidl, read):
    options = ["--model", "linear(_,8)-tanh-linear(8,_)", "--epochs", "2", "--rounds", "2", "--out", "run"]
    minidl("train", "moons(n=40)", *options, cwd=tmp_path)
    for tag in read(tmp_path / "run")["tensorboard/mean"]:
        written = re.sub(r"^(std/)?final/\w+/", r"\1final/METRIC/", tag)
        assert f"`{written.removeprefix('std/')}`" in README, tag
