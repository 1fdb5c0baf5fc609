"""The wheels of all packages, in a fresh environment outside the source tree, pass each package's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from environments import install, run, uninstall

ROOT = Path(__file__).parents[2]
PLUGINS = {
    "minidl_extra_layers": "minidl-extra-layers",
    "minidl_extra_losses": "minidl-extra-losses",
    "minidl_optim": "minidl-optim",
    "minidl_tensorboard": "minidl-tensorboard",
}
"""The distribution of each by its folder."""
WHICH = "not slow and not conformance"  # the kit's thousands of checks are of the same code as from the source tree
TESTS = ["python", "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", WHICH]


def printed(environment: Path, folder: Path, command: list[str]) -> str:
    """What a command that does its work prints."""
    process = run(environment, folder, command)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_the_core_alone_passes_its_tests(environment, tmp_path):
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("repository", "__pycache__"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    listed = printed(environment, tmp_path, ["minidl", "plugins"])
    assert [line.split()[0] for line in listed.splitlines()] == ["PLUGIN", "core"]
    assert " passed" in printed(environment, tmp_path, [*TESTS, "tests"])


@pytest.fixture
def without_polars(environment):
    """The same environment without what the extra brings."""
    uninstall(environment, "polars", "polars-runtime-32")
    yield environment
    install(environment, "--constraint", ROOT / "constraints.txt", "polars")


@pytest.mark.slow
def test_without_the_extra_files_say_what_to_install_and_all_else_works(without_polars, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    save = "import numpy as np; np.save('t.npy', np.arange(40.0).reshape(20, 2) % 3)"
    assert printed(without_polars, tmp_path, ["python", "-c", save]) == ""
    told = (
        "minidl: tables are read with polars, which is not installed: pip install 'minidl-core[tables]' (.npy files "
        "and the registered datasets need none)\n"
    )
    model = "model.safetensors"
    printed(without_polars, tmp_path, ["minidl", "train", "disk(n=40)", "--epochs", "1", "--out", "dataset", "--quiet"])
    for command in (
        ["train", "t.csv", "--target", "b", "--out", "file"],
        ["evaluate", f"dataset/{model}", "t.csv"],
        ["predict", f"dataset/{model}", "t.csv"],
    ):
        process = run(without_polars, tmp_path, ["minidl", *command])
        assert (process.returncode, process.stdout, process.stderr) == (2, "", told)
    assert not (tmp_path / "file").exists()
    mapped = ["--target", "1", "--task", "classification", "--epochs", "1", "--out", "mapped", "--quiet"]
    printed(without_polars, tmp_path, ["minidl", "train", "t.npy", *mapped])
    assert "accuracy" in printed(without_polars, tmp_path, ["minidl", "evaluate", "mapped", "t.npy"])
    assert "predicted 1" in printed(without_polars, tmp_path, ["minidl", "predict", "mapped", "t.npy"])
    script = (
        "import numpy as np, minidl_core\n"
        "from minidl_core.errors import RequestError\n"
        "try: minidl_core.train(None, np.zeros((4, 2)), target='0')\n"
        "except RequestError as error: print('minidl:', error)\n"
    )
    assert printed(without_polars, tmp_path, ["python", "-c", script]) == told


@pytest.mark.slow
def test_each_plugin_added_passes_its_tests_and_is_found(environment, wheels, tmp_path):
    install(environment, "--constraint", ROOT / "constraints.txt", *(wheels[name] for name in PLUGINS))
    try:
        for name in PLUGINS:
            folder = tmp_path / name
            shutil.copytree(ROOT / "plugins" / name / "tests", folder / "tests")
            shutil.copy(ROOT / "plugins" / name / "README.md", folder)
            assert " passed" in printed(environment, folder, [*TESTS, "--import-mode=importlib", "tests"])
        listed = printed(environment, tmp_path, ["minidl", "list-components"])
        assert "cross_entropy" in listed
        assert "adam" in listed
    finally:
        uninstall(environment, *PLUGINS.values())
