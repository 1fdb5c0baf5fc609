"""What is written is well-formed, the same each time, fit for a page beside others, and of anyone's text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from picture_readers import HOSTILE, classes, texts, trained, values

from minidl_core.errors import RequestError
from minidl_core.pictures import pictures_of


@pytest.fixture(scope="module")
def pictures():
    return pictures_of(trained("disk(n=150)", rounds=3))


def test_a_page_has_each_mark_once_and_each_reference_leads_to_one(pictures):
    marks, references = [], []
    for picture in pictures.values():
        root = ElementTree.fromstring(picture.svg("page"))
        marks += [element.get("id") for element in root.iter() if element.get("id")]
        for element in root.iter():
            for key in "href", "clip-path":
                value = element.get(key, "data:")
                references += [] if value.startswith("data:") else re.findall(r"#([\w-]+)", value)
    assert len(set(marks)) == len(marks)
    assert set(references) == set(marks)


def test_on_a_page_text_and_axes_have_its_colour(pictures):
    for picture in pictures.values():
        root = ElementTree.fromstring(picture.svg("page"))
        on_cells = {"fill: #ffffff", "fill: #000000"} if picture.name == "confusion" else set()
        for element in root.iter("text"):
            fills = set(re.findall("fill: [^;]+", element.get("style", "")))
            assert fills <= {"fill: currentColor"} | on_cells
            assert fills or picture.name == "confusion"
        assert (root.get("role"), root.get("aria-label")) == ("img", f"{picture.heading}. {picture.caption}")
        assert "#1b1f24" not in picture.svg("page")


def test_a_file_is_dark_on_white_and_has_a_title(pictures):
    for picture in pictures.values():
        root = ElementTree.fromstring(picture.svg())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root[0].text == f"{picture.heading}. {picture.caption}"
        assert root[1].get("fill") == "#ffffff"
        assert "currentColor" not in picture.svg()
        assert "var(" not in picture.svg()


WRITTEN = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from picture_readers import trained
from minidl_core.pictures import pictures_of
for picture in pictures_of(trained("disk(n=60)", rounds=2)).values():
    for written in picture.svg().encode(), picture.svg("page").encode(), picture.png():
        print(picture.name, hashlib.sha256(written).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_the_same_training_gives_the_same_bytes_in_every_process_and_whatever_the_users_settings_are(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\ntext.usetex: True\nsvg.fonttype: path\nsavefig.bbox: tight\n"
    )
    script = WRITTEN.format(folder=str(Path(__file__).parents[1]))
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, **settings},
        ).stdout
        for seed, settings in [("1", {}), ("2", {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")})]
    }
    assert len(outputs) == 1
    assert "gradients" in outputs.pop()


def test_nothing_is_left_in_matplotlibs_settings(pictures):
    before = dict(matplotlib.rcParams)
    pictures["loss"].png()
    assert dict(matplotlib.rcParams) == before


def test_columns_and_classes_are_anyones_text():
    table = values(60, features=2, targets=1)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for one, other in zip(HOSTILE, reversed(HOSTILE), strict=True):
            names = {"x0": one, "x1": f"{other} 2", "t0": f"{one} 3"}
            training = trained(table.rename(names), target=f"{one} 3", epochs=1)
            for picture in pictures_of(training).values():
                assert picture.png()
                page = picture.svg("page")
                assert ElementTree.fromstring(page) is not None
                assert "<script" not in page
                if picture.name == "regions":
                    assert any(text[:10] == " ".join(one.split())[:10] for text in texts(picture)) or "\x01" in one
    assert not told


def test_hostile_classes_are_a_legend():
    picture = pictures_of(trained(classes([*HOSTILE], features=2), target="class", epochs=1))["regions"]
    written = texts(picture)
    assert "<script>alert(1)</s…" in written
    assert "$\\frac{a}{$ $x^2$" in written
    assert '"quoted" id="x" {{…' in written


def test_a_million_rows_are_a_sample():
    training = trained("disk(n=1000000)", epochs=1, batch_size=10_000)
    pictures = pictures_of(training)
    assert "100,000 of the 1,000,000 test rows" in pictures["confusion"].caption
    assert "1,000 of the 1,000,000 test rows" in pictures["regions"].caption
    assert sum(len(picture.svg("page")) for picture in pictures.values()) < 300_000


@pytest.mark.parametrize("is_class", [True, False])
def test_a_table_in_blocks_gives_rows_from_its_beginning(tmp_path, is_class):
    random = np.random.default_rng(0)
    x = random.normal(size=(20_000, 2))
    target = (x[:, :1] * x[:, 1:] > 0) if is_class else x[:, :1] * x[:, 1:]
    np.save(tmp_path / "table.npy", np.hstack([x, target]))
    task = "classification" if is_class else "regression"
    training = trained(str(tmp_path / "table.npy"), target="2", task=task, epochs=1, rounds=2)
    pictures = pictures_of(training)
    assert list(pictures) == ["loss", "confusion" if is_class else "predicted", "regions", "weights", "gradients"]
    assert "1,000 of the 8,000 test rows" in pictures["regions"].caption


def test_without_matplotlib_it_is_told_what_to_install(monkeypatch):
    training = trained("disk(n=50)", epochs=1)
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "minidl_core.pictures."))]:
        if name != "minidl_core.pictures.picture":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RequestError, match=re.escape("pip install 'minidl-core[report]'")):
        pictures_of(training)
