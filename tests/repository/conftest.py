"""The wheels of all packages, and a fresh environment outside the source tree to install them in."""

from __future__ import annotations

import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from environments import build, install

ROOT = Path(__file__).parents[2]
PLUGINS = ("minidl_extra_layers", "minidl_extra_losses", "minidl_optim", "minidl_tensorboard")
SOURCES = {"minidl_core": ROOT, **{name: ROOT / "plugins" / name for name in PLUGINS}}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process is left with it when the others have done the rest.

    It stays with one process, too, which makes the environment.
    """
    items.sort(key=lambda item: "environment" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package, by the name of its folder."""
    folder = tmp_path_factory.mktemp("wheels")
    with ThreadPoolExecutor(2) as pool:
        built = [pool.submit(build, source, folder / name) for name, source in SOURCES.items()]
    return {name: wheel.result() for name, wheel in zip(SOURCES, built, strict=True)}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Path:
    """A fresh environment with the core's wheel alone, its extras for tables and reports, and what its tests need.

    Who adds something takes it out again, who takes something out puts it in again.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    required = "pytest", "hypothesis", "pandas", "scikit-learn"
    quickly = "--no-compile"  # of the thousands of files few are ever imported
    constraints = "--constraint", ROOT / "constraints.txt"
    install(folder, quickly, *constraints, f"{wheels['minidl_core']}[tables,report,jit]", *required)
    return folder
