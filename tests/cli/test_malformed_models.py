"""Files that are no models, on the command line: one line, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from malformed_models import malformed

GOOD = Path(__file__).parents[1] / "training" / "fixtures" / "classes.safetensors"
NAMES = (
    *("cut at 0", "cut at 20", "flipped bit 20", "lengths of 9223372036854775808", "other_programs torch.save True"),
    *("tables all of a terabyte", "texts deep lists", "headers spec 'os.system'", "large more of numbers"),
)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return malformed(GOOD.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_a_malformed_file_is_told_in_one_line(name, files, minidl):
    Path("model").write_bytes(files[name])
    for command in ["predict", "model", "data.csv"], ["evaluate", "model", "data.csv"], ["describe", "./model"]:
        ran = minidl(*command)
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert ran.err.startswith("minidl: ")
        assert "model'" in ran.err
        assert "Traceback" not in ran.err
