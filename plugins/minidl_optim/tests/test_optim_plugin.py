"""The plugin as a whole: everything that it registers is tested, documented and trains."""

from __future__ import annotations

import inspect
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minidl_core
from minidl_core.plugins import loaded_plugins, registry
from minidl_core.spec.component import constructor

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


AVERAGES = {"ema", "swa"}
"""Of which `test_averaged_weights.py` is."""


def registered():
    return registry().components(plugin="minidl-optim")


def trainers():
    """Those that train by themselves."""
    return [one for one in registered() if one.name not in AVERAGES]


def test_plugin_is_loaded_whole():
    [report] = [report for report in loaded_plugins().reports if report.provider.distribution == "minidl-optim"]
    assert (report.state, report.reason, report.provider.plugin) == ("ok", "", "optim")


def test_every_component_is_among_the_tested_cases(cases):
    assert {one.kind for one in registered()} == {"optimizer"}
    assert {one.name for one in registered()} == {case.name for case in cases} | AVERAGES


def test_every_argument_of_every_component_is_varied_by_a_case(cases):
    for one in trainers():
        for argument in one.load()().arguments:
            assert any(f"{argument}=" in case.spec for case in cases if case.name == one.name), (one.name, argument)


def test_every_component_is_described():
    for one in registered():
        documentation = inspect.getdoc(one.load())
        assert all(part in documentation for part in ("w -= ", "Args:", "Source: "))
        assert ("Equals `torch.optim." in documentation) != ("Not in PyTorch" in documentation)
        assert all(argument in documentation for argument in constructor(one.load()).parameters)


@pytest.mark.parametrize("example", re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))
def test_python_examples_of_the_readme_run(example, capsys):
    exec(compile(example, "README.md", "exec"), {})
    assert math.isfinite(float(capsys.readouterr().out.split()[0]))


def test_hook_imports_no_torch():
    check = "import sys, minidl_optim.plugin; sys.exit('torch' in sys.modules or 'minidl_optim.adam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize(
    "optimizer",
    [
        "momentum",
        "momentum(lr=0.05,nesterov=true)",
        "rmsprop",
        "adagrad(lr=0.3)",
        "adadelta(lr=3)",
        "adam(lr=0.03)",
        "adamw(lr=0.03)",
        "adamax(lr=0.03)",
        "nadam(lr=0.03)",
        "radam(lr=0.03)",
        "rprop(lr=0.001,step_sizes=[1e-06,0.1])",
        "lion(lr=0.003)",
        "lamb(lr=0.03)",
        "lars(lr=1,trust_coefficient=0.03)",
    ],
)
def test_trains_from_end_to_end(optimizer):
    network, options = "linear(_,8)-tanh-linear(8,_)", {"epochs": 30, "rounds": 3, "seed": 1}
    training = minidl_core.train(network, "moons(n=200)", loss="mse", optimizer=optimizer, **options)
    assert str(training.optimizer) == optimizer
    assert training.test["accuracy"].mean > 0.85
    assert (training.history[-1] < training.history[0] / 2).all()


def test_many_rounds_train_as_each_alone(one_case):
    def train(**options):
        model, data = "linear(_,4)-tanh-linear(4,_)", "moons(n=50)"
        return minidl_core.train(model, data, optimizer=one_case.spec, epochs=3, dtype="float64", **options)

    together, alone = train(seed=0, rounds=2), train(seed=1)
    assert together.history[:, 1].tolist() == pytest.approx(alone.history.tolist(), rel=1e-12)
