"""A model file remembers where its components came from, and says so where they come from elsewhere."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from plugin_code import Plugin
from safetensors import safe_open

from minidl_core.errors import ModelFileError, ModelFileWarning
from minidl_core.plugins import loaded_plugins
from minidl_core.runs import train
from minidl_core.training import TrainedModel, load_model, save_model

CODE = """
from minidl_core.hookspecs import hookimpl
from minidl_core.nn import Module

@hookimpl
def minidl_register_components(registry):
    registry.layer("softsign", f"{__name__}:Softsign", summary="x / (1 + |x|)")

class Softsign(Module):
    def forward(self, x):
        self.x = x
        return SCALE * x / (1 + x.abs())

    def backward(self, dy):
        return SCALE * dy / (1 + self.x.abs()) ** 2
"""


def code(scale: int = 1) -> str:
    return CODE.replace("SCALE", str(scale))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def trained(plugin: Plugin, path: Path) -> TrainedModel:
    """A model with a layer of the plugin `extra`, `minidl-extra` 1.2.3, in a file."""
    plugin("extra", code())
    trained = train("linear(_,3)-softsign-linear(3,_)", "disk(n=20)", epochs=1).trained
    save_model(trained, path)
    return trained


def loaded(path: Path) -> tuple[TrainedModel, list[str]]:
    """A model, and what was said of it while it was loaded."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = load_model(path)
    return model, [str(one.message) for one in caught if one.category is ModelFileWarning]


def remove(tmp_path: Path, version: str = "1.2.3") -> None:
    """Uninstall the first plugin of a test."""
    shutil.rmtree(tmp_path / f"plug_0-{version}.dist-info")
    loaded_plugins.cache_clear()


@pytest.mark.usefixtures("trained")
def test_a_file_names_the_distribution_and_version_of_each_component(path: Path) -> None:
    with safe_open(path, framework="pt") as opened:
        providers = json.loads(opened.metadata()["minidl"])["providers"]
    expected = {"kind": "layer", "name": "softsign", "plugin": "extra", "distribution": "minidl-extra"}
    assert {**expected, "version": "1.2.3"} in providers


def test_where_nothing_has_changed_nothing_is_said(trained: TrainedModel, path: Path) -> None:
    model, said = loaded(path)
    assert said == []
    assert str(model.model) == str(trained.model)


@pytest.mark.usefixtures("trained")
def test_a_minor_version_is_taken_for_the_same(plugin: Plugin, tmp_path: Path, path: Path) -> None:
    remove(tmp_path)
    plugin("extra", code(), version="1.9.0")
    assert loaded(path)[1] == []


@pytest.mark.parametrize(("then", "now", "differ"), [("0.3.1", "0.4.0", True), ("0.3.1", "0.3.9", False)])
def test_below_one_the_second_number_is_the_major_one(
    plugin: Plugin, tmp_path: Path, path: Path, then: str, now: str, differ: bool
) -> None:
    plugin("extra", code(), version=then)
    save_model(train("linear(_,3)-softsign-linear(3,_)", "disk(n=20)", epochs=1).trained, path)
    remove(tmp_path, then)
    plugin("extra", code(), version=now)
    assert bool(loaded(path)[1]) == differ


@pytest.mark.usefixtures("trained")
def test_another_major_version_is_told(plugin: Plugin, tmp_path: Path, path: Path) -> None:
    remove(tmp_path)
    plugin("extra", code(), version="2.0.0")
    _, [said] = loaded(path)
    assert said == (
        "layer 'softsign' came from minidl-extra 1.2.3 when the model was saved; 2.0.0 is another major version, which "
        "may compute something else"
    )


@pytest.mark.usefixtures("trained")
def test_another_provider_is_told(plugin: Plugin, tmp_path: Path, path: Path) -> None:
    remove(tmp_path)
    plugin("other", code(scale=2))
    model, [said] = loaded(path)
    assert said == (
        "layer 'softsign' came from minidl-extra 1.2.3 when the model was saved, and comes from minidl-other 1.2.3 "
        "here, which may compute something else"
    )
    assert str(model.model) == "linear(2,3)-softsign-linear(3,2)"


def test_a_plugin_installed_since_does_not_change_what_a_name_stands_for(
    plugin: Plugin, trained: TrainedModel, path: Path
) -> None:
    plugin("other", code(scale=2))
    rows = torch.rand(10, 2, dtype=torch.float64)
    expected = trained.predict(rows)
    plugin("other", code(scale=2))
    model, said = loaded(path)
    assert said == []
    assert str(model.model) == "linear(2,3)-extra.softsign-linear(3,2)"
    assert model.predict(rows) == expected


@pytest.mark.usefixtures("trained")
def test_a_component_that_nothing_brings_is_told_with_the_package_to_install(tmp_path: Path, path: Path) -> None:
    remove(tmp_path)
    with pytest.raises(ModelFileError) as raised:
        load_model(path)
    assert str(raised.value) == (
        f"'{path}' cannot be loaded here: layer 'softsign' came from minidl-extra 1.2.3, which does not bring it here; "
        "'minidl plugins' says what is in use, 'pip install minidl-extra' installs it"
    )
