"""A report says what was asked for and what it gave, and is one page that needs nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import markupsafe
import pytest
from picture_readers import HOSTILE, classes, trained, values

from minidl_core.errors import RequestError
from minidl_core.pictures import About, report_html

ABOUT = About("wine.csv", "2026-11-24 15:00", "done", {"minidl-core": "0.1.0", "torch": "2.13.0"})
REQUEST = {"target": "class", "epochs": 3, "rounds": 3, "metrics": ("f1",), "capture": True, "test": None}
DEFAULTS = REQUEST | {"target": (), "epochs": 100, "metrics": ()}


class Reader(HTMLParser):
    """The rows of the tables, and all tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.changed: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.inside = ""
        self._is_changed = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
            self._is_changed = ("class", "changed") in attrs
        if tag in ("td", "th"):
            self.rows[-1].append("")
            if self._is_changed and tag == "th":
                self.changed.append("")
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in ("td", "th"):
            self.rows[-1][-1] += data
            if self._is_changed and self.inside == "th":
                self.changed[-1] += data


@pytest.fixture(scope="module")
def training():
    return trained(
        classes(["a", "b", "c"]),
        target="class",
        rounds=3,
        validation_fraction=0.2,
        patience=2,
        metrics=["f1", "confusion_matrix"],
    )


def test_figures_of_all_parts_and_rounds_are_told(training):
    rows = Reader(report_html(training, REQUEST, DEFAULTS, ABOUT)).rows
    assert ["", "training", "validation", "test"] in rows
    for name in "accuracy", "f1", "loss":
        expected = [str(part[name]) for part in (training.train, training.validation, training.test)]
        assert [name, *expected] in rows
        assert "±" in expected[0]
    [first] = [row for row in rows if row[0] == "0" and len(row) == 11]
    assert first[1:4] == [
        f"{part['accuracy'].values[0]:.4g}" for part in (training.train, training.validation, training.test)
    ]
    assert first[-1] == str(training.best_epochs[0])
    assert sum(row[:1] == ["a"] for row in rows) == 3, "a matrix for each part"


def test_what_is_not_the_default_stands_out(training):
    page = Reader(report_html(training, REQUEST, DEFAULTS, ABOUT))
    assert page.changed == ["target", "epochs", "metrics"]
    assert ["metrics", "f1"] in page.rows
    assert ["capture", "yes"] in page.rows
    assert ["test", "none"] in page.rows
    assert not Reader(report_html(training, REQUEST, None, ABOUT)).changed


def test_one_round_has_no_table_of_rounds():
    page = report_html(trained("disk(n=50)", epochs=1), {}, None, ABOUT)
    assert "<details>" not in page
    assert "Mean and standard deviation" not in page


@pytest.mark.parametrize("state", ["done", "interrupted", "diverged"])
def test_the_state_the_problem_warnings_and_versions_are_told(training, state):
    problem = "the loss became NaN in epoch 3" if state == "diverged" else ""
    about = About("wine.csv", "2026-11-24 15:00", state, {"torch": "2.13.0"}, problem)
    page = report_html(training, REQUEST, DEFAULTS, about, ["relu is dead\n  linear(_,5)-relu\n              ^^^^"])
    assert f'<span class="state {state}">{state}</span>' in page
    assert problem in page
    assert "  linear(_,5)-relu\n              ^^^^</pre>" in page
    assert ["torch", "2.13.0"] in Reader(page).rows


def test_a_training_of_no_epoch_has_a_report():
    page = report_html(trained("disk(n=50)", stop=lambda: True), {}, None, ABOUT)
    assert "0 epochs of batches" in page
    assert 'id="loss"' not in page


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_the_text_is_it_stays_text(name):
    table = values(60).rename({"x0": name, "t0": f"{name} t"})
    training = trained(table, target=f"{name} t", epochs=1)
    about = About(name, name, "done", {name: name})
    page = report_html(training, {name: name}, {name: "other"}, about, [name])
    plain = Reader(report_html(training, {"a": "a"}, {"a": "other"}, About("a", "a", "done", {"a": "a"}), ["a"]))
    assert Reader(page).tags == plain.tags
    assert str(markupsafe.escape(name)) in page
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", page, re.DOTALL)[0]


def test_a_path_with_bytes_that_are_no_text_can_be_written(training):
    about = About("caf\udce9.csv", "now", "done", {})
    assert "caf?.csv" in report_html(training, {}, None, about).encode("utf-8").decode()


def test_nothing_is_fetched_and_no_script_runs(training):
    page = report_html(training, REQUEST, DEFAULTS, ABOUT)
    reader = Reader(page)
    assert not {"script", "link", "iframe", "object", "embed"} & set(reader.tags)
    for name, value in reader.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("#", "data:image/png;base64,"))
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(http" not in page


def test_a_report_is_small_and_the_same_each_time(training):
    page = report_html(training, REQUEST, DEFAULTS, ABOUT)
    assert len(page) < 150_000
    assert report_html(training, REQUEST, DEFAULTS, ABOUT) == page


def test_without_jinja2_it_is_told_what_to_install(training, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(
        RequestError, match=re.escape("jinja2, which is not installed: pip install 'minidl-core[report]'")
    ):
        report_html(training, REQUEST, DEFAULTS, ABOUT)


def test_the_room_imports_neither_before_it_draws():
    script = "import sys, minidl_core.pictures; print({'matplotlib', 'jinja2', 'torch'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout == "set()\n"
