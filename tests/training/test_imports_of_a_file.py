"""What a model file can make happen: the components that its spec names are imported and built, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from model_bytes import model_file, parts
from plugin_code import HOOK, Plugin

from minidl_core.errors import ModelFileError
from minidl_core.runs import train
from minidl_core.training import load_model, save_model

LAYER = """
from minidl_core.nn import ReLU

class {name}(ReLU):
    pass
"""


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    save_model(train("linear(2,2)-relu", "disk(n=20)", loss="mse", epochs=1).trained, tmp_path / "model")
    return (tmp_path / "model").read_bytes()


@pytest.fixture
def components(plugin: Plugin, tmp_path: Path) -> list[str]:
    """A plugin with the layers one and two, each in a module that is not imported with it; and a module of neither."""
    for name in "One", "Two", "Three":
        (tmp_path / f"plug_of_{name.lower()}.py").write_text(LAYER.format(name=name))
    lines = [
        f'    registry.layer("{one.lower()}", "plug_of_{one.lower()}:{one}", summary="x")' for one in ("One", "Two")
    ]
    plugin("extra", HOOK + "\n".join(lines))
    return ["plug_of_one", "plug_of_two", "plug_of_three"]


def imported(modules: list[str]) -> list[str]:
    return [module for module in modules if module in sys.modules]


def provider(layer: str, **changes: Any) -> dict[str, str]:
    one = {"kind": "layer", "name": layer, "plugin": "extra", "distribution": "minidl-extra", "version": "1.2.3"}
    return {**one, **changes}


def test_a_component_that_the_spec_names_is_imported_and_no_other(
    good: bytes, components: list[str], tmp_path: Path
) -> None:
    tensors, header = parts(good)
    providers = [*header["providers"], provider("one"), provider("two")]
    changed = {**header, "model": "linear(2,2)-one", "providers": providers}
    (tmp_path / "model").write_bytes(model_file(tensors, changed))
    assert imported(components) == []
    assert str(load_model(tmp_path / "model").model) == "linear(2,2)-one"
    assert imported(components) == ["plug_of_one"]


@pytest.mark.parametrize(
    "name",
    [
        "plug_of_three",
        "plug_of_three:Three",
        "plug_of_three.Three",
        "extra.three",
        "three",
        "os.system",
        "../three",
        "__init__",
    ],
)
@pytest.mark.filterwarnings("ignore::minidl_core.errors.ModelFileWarning")
@pytest.mark.parametrize("where", ["model", "loss", "name", "plugin", "distribution", "kind", "version"])
def test_no_name_imports_what_is_not_registered(
    where: str, name: str, good: bytes, components: list[str], tmp_path: Path
) -> None:
    tensors, header = parts(good)
    if where in header:
        changed = {**header, where: f"linear(2,2)-{name}" if where == "model" else name}
    else:
        changed = {**header, "providers": [*header["providers"], provider("two", **{where: name})]}
    (tmp_path / "model").write_bytes(model_file(tensors, changed))
    before = set(sys.modules)
    try:
        load_model(tmp_path / "model")
    except ModelFileError:
        assert where != "version"
    else:
        assert where in ("plugin", "distribution", "version")  # which are only told where they differ from here
    assert imported(components) == []
    assert {module for module in set(sys.modules) - before if not module.startswith("plug_")} == set()


def test_a_plugin_that_is_disabled_stays_so(
    good: bytes, components: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", "extra")
    tensors, header = parts(good)
    changed = {**header, "model": "linear(2,2)-one", "providers": [*header["providers"], provider("one")]}
    (tmp_path / "model").write_bytes(model_file(tensors, changed))
    with pytest.raises(
        ModelFileError, match=r"layer 'one' came from minidl-extra 1\.2\.3, which does not bring it here"
    ):
        load_model(tmp_path / "model")
    assert imported(components) == []


def test_nothing_is_read_or_written_beside_the_file(good: bytes, tmp_path: Path) -> None:
    tensors, header = parts(good)
    for text in "../outside", "/etc/passwd", "file:///etc/passwd", "~/x", "$HOME":
        (tmp_path / "model").write_bytes(
            model_file(tensors, {**header, "target_names": [text], "classes": [text, "b"]})
        )
        before = sorted(tmp_path.rglob("*"))
        opened: list[str] = []

        def hook(event: str, arguments: tuple[Any, ...], opened: list[str] = opened) -> None:
            if event in ("open", "os.rename", "os.remove", "os.mkdir", "exec", "subprocess.Popen", "socket.connect"):
                opened.append(str(arguments[0]))

        _hooks.append(hook)
        trained = load_model(tmp_path / "model")
        _hooks.remove(hook)
        assert trained.target_names == (text,)
        assert set(opened) == {str(tmp_path / "model")}
        assert sorted(tmp_path.rglob("*")) == before


_hooks: list[Any] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    for hook in _hooks:
        hook(event, arguments)


sys.addaudithook(_audit)  # it cannot be removed, and does nothing while there are no hooks
