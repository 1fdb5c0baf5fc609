"""Hundreds of malformed files are loaded in one process: each is refused in a line, and none takes memory for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from malformed_models import malformed

from minidl_core.data import numeric
from minidl_core.data.preprocessing import Preprocessing
from minidl_core.losses import MSE
from minidl_core.spec import build_model
from minidl_core.training import TrainedModel, save_model

GOOD = Path(__file__).parent / "fixtures" / "classes.safetensors"
NEEDS_LINUX = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux, which tells the peak of memory"
)
LOAD = """
import json, sys, warnings
from pathlib import Path
from minidl_core.errors import ModelFileError
from minidl_core.training import load_model

def memory(what):
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) * 1024

warnings.simplefilter("ignore")
load_model(sys.argv[1])
first = set(sys.modules)
for path in sys.stdin.read().splitlines():
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: that of getrusage is the parent's at first
    before = memory("VmRSS")
    try:
        load_model(path)
        kind, said = "loaded", ""
    except BaseException as error:
        kind, said = type(error).__name__, str(error)
    print(json.dumps([path, kind, said, memory("VmHWM") - before]), flush=True)
print(json.dumps(sorted(set(sys.modules) - first)))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """What is wrong with each file, the small ones first."""
    folder = tmp_path_factory.mktemp("malformed")
    contents = sorted(malformed(GOOD.read_bytes()).items(), key=lambda item: len(item[1]))
    found = {}
    for number, (name, content) in enumerate(contents):
        path = folder / f"{number}.safetensors"
        path.write_bytes(content)
        found[path] = name
    return found


def loaded(paths: Iterable[Path]) -> list[Any]:
    """Of each file, in one process: the path, what came of loading it, what was said, and by how much memory grew; and
    in the end which modules were imported."""
    given = "\n".join(map(str, paths))
    command = [sys.executable, "-c", LOAD, str(GOOD)]
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.slow
@NEEDS_LINUX
def test_each_is_refused_in_one_line_without_memory_or_an_import(files: dict[Path, str]) -> None:
    assert len(files) >= 600
    *lines, imported = loaded(files)
    assert [Path(path) for path, *_ in lines] == list(files)
    wrong = []
    greatest = 0
    for path, kind, said, grown in lines:
        size = os.path.getsize(path)
        greatest = max(greatest, grown - size)
        is_told = (
            kind == "ModelFileError" and f"'{path}'" in said and said.isprintable() and len(said) < len(path) + 700
        )
        if not is_told or grown > size + 100 * 10**6:
            wrong.append((files[Path(path)], kind, said[:300], size, grown))
    assert wrong == []
    assert imported == []
    print(f"{len(lines)} files; memory grew by at most {greatest / 1e6:.1f} MB more than the size of a file")


@pytest.mark.slow
@NEEDS_LINUX
@pytest.mark.parametrize("spec", ["linear(5000,5000)-linear(5000,2)", "linear(2,8)-linear(8,2)"])
def test_a_large_model_takes_no_more_memory_than_its_file(spec: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    rounds = 2 if "5000" in spec else 10_000
    model = build_model(spec).allocate((rounds,))
    width = 5000 if rounds == 2 else 2
    features = Preprocessing.fit(numeric(*map(str, range(width))), [torch.ones(3, width).double()], "none", None)
    save_model(TrainedModel(model, MSE(), features, ("t",), ("a", "b"), None, None, tuple(range(rounds))), path)
    [[_, kind, _, grown], _] = loaded([path])
    assert kind == "loaded"
    assert grown < path.stat().st_size + 100 * 10**6
    print(f"{path.stat().st_size / 1e6:.1f} MB, memory grew by {grown / 1e6:.1f} MB")
