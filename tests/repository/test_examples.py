"""The worked examples run, with few epochs here, print a table and draw a picture; their page has each of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
ROWS = {
    "digits": ["fully connected", "convolutional"],
    "spiral": ["linear", "one hidden layer", "two hidden layers"],
    "quantile_bands": ["0.05", "0.5", "0.95"],
    "imbalanced": ["cross_entropy", "focal", r"focal\(alpha=\[0.75,0.25\]\)"],
}
"""How the rows of each one's table begin."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("example", ROWS)
def test_example_prints_its_table_and_draws_its_picture(example, tmp_path):
    picture = tmp_path / "picture.png"
    options = ["--epochs", "2", "--rounds", "2", "--seed", "5", "--picture", str(picture)]
    ran = subprocess.run(
        [sys.executable, EXAMPLES / f"{example}.py", *options], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    for row in ROWS[example]:
        assert re.search(rf"^ +{row} .* \d\.\d\d\d ± \d\.\d\d\d ", ran.stdout, re.MULTILINE), (row, ran.stdout)
    assert "…" not in ran.stdout
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size > 5_000


def test_the_page_has_each_example_its_command_and_its_picture():
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - {"options"}
    assert scripts == {*ROWS, "report"}
    for example in scripts:
        assert f"`.venv/bin/python examples/{example}.py`" in PAGE
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE):
        assert (EXAMPLES / picture).read_bytes().startswith(PNG)
    assert PAGE.count("](pictures/") == len(ROWS)
