"""What the documentation says of the code is what the code says: generated parts, hooks, and every step for authors."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import sklearn.metrics
import torch
from environments import run

from minidl_core.hookspecs import HOOKS
from minidl_core.plugins import loaded_plugins
from minidl_core.testing import check_component

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]
FOR_AUTHORS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_generated_parts_of_a_page_are_fresh(page: Path) -> None:
    """`make docs` writes them anew."""
    command = [sys.executable, "-m", "cogapp", "--check", "--diff", "-I", ROOT / "docs", page]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_there_are_hooks() -> None:
    assert {"minidl_register_components", "minidl_run_start", "minidl_epoch_end", "minidl_run_end"} == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_on_the_page_with_its_signature_when_it_is_called_and_since_when(name: str) -> None:
    arguments = ", ".join(f"{one.name}: {one.annotation}" for one in inspect.signature(HOOKS[name]).parameters.values())
    section = re.search(rf"^### `{name}\({re.escape(arguments)}\) -> None`$(.*?)(?=^##)", FOR_AUTHORS, re.M | re.S)
    assert section
    assert re.search(r"Called (once|after)", section[1])
    assert re.search(r"Since \d+\.\d+\.", " ".join(section[1].split()))


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_used_by_a_plugin_of_this_repository(name: str) -> None:
    assert name in {hook for report in loaded_plugins().reports for hook in report.hooks}


def steps() -> list[tuple[str, str, str]]:
    """The commands and the files of the page, in their order: `$` or a path, the command or the text, what it shows."""
    tutorial = FOR_AUTHORS.partition("## What a component must do")[0]
    found = []
    blocks = re.finditer(r"(?:<!-- file: (\S+) -->\n)?^```(\w+)\n(.*?)^```$", tutorial, re.M | re.S)
    for path, language, text in (block.groups() for block in blocks):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, shown = part.partition("\n")
                found.append(("$", command, shown))
        else:
            found.append((path, text, ""))
    return found


def test_the_metric_that_the_page_shows_is_right_and_equals_sklearns() -> None:
    [text] = re.findall(
        r"^```python\n(.*?)^```$", FOR_AUTHORS.partition("## What a component must do")[2], re.M | re.S
    )[:1]
    made: dict[str, Any] = {}
    exec(text, made)
    assert [str(one) for one in check_component("metric", made["Kappa"]) if not one.ok] == []
    scores, labels = torch.eye(3)[[0, 1, 2, 2, 1]], torch.tensor([0, 1, 2, 1, 1])
    expected = sklearn.metrics.cohen_kappa_score(labels.numpy(), scores.argmax(-1).numpy())
    assert made["Kappa"]()(scores, labels).item() == pytest.approx(expected)


NOT_RUN = ("python -m venv", "pip install minidl-core", "twine upload")
"""The environment is there already, and a test publishes nothing."""


def comparable(text: str) -> list[str]:
    """Lines without what differs from machine to machine: colours, digits behind a point, places, spacing."""
    plain = re.sub(r"\x1b\[\d*m", "", text)
    machines = r"\d+\.\d+(e-\d+)?|\[\d+(, \d+)*\]"
    return [" ".join(re.sub(machines, "#", line).split()) for line in plain.strip().splitlines()]


@pytest.mark.slow
def test_every_step_for_authors_does_what_the_page_shows(environment: Path, tmp_path: Path) -> None:
    own = tmp_path / "venv"
    venv.create(own, with_pip=True)
    [packages], [others] = (where.glob("lib/python*/site-packages") for where in (own, environment))
    (packages / "shared.pth").write_text(f"{others}\n")
    for program in ("minidl", "pytest"):
        shutil.copy(environment / "bin" / program, own / "bin")
        text = (own / "bin" / program).read_text().replace(str(environment), str(own))
        (own / "bin" / program).write_text(text)
    (own / "bin" / "bash").symlink_to(shutil.which("bash") or "")
    folder = tmp_path
    ran = 0
    for path, text, shown in steps():
        if path != "$":
            assert path, "each block that is no command is a file"
            (folder / path).write_text(text, encoding="utf-8")
            continue
        if text.startswith(NOT_RUN):
            continue
        finished = run(own, folder, ["bash", "-c", text])
        if text.startswith("pip install"):
            assert finished.returncode == 0, finished.stderr
        else:
            assert comparable(finished.stdout + finished.stderr) == comparable(shown), text
        ran += 1
        if text.startswith("cd "):
            folder /= text.split()[1]
    assert ran >= 10
