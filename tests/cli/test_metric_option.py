"""`--metric`, of `minidl train` and `minidl evaluate`: what is measured, how it is shown, and what is refused."""

from __future__ import annotations

import importlib

import click
import pytest
from commands import DATA, NETWORK
from needs import needs

import minidl_core

IRIS = DATA / "iris.csv"
TRAIN = ("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 5, "--rounds", 2)
METRICS = ("--metric", "f1", "--metric", "confusion_matrix", "--metric", 'f1(average="weighted")')


def test_json_has_the_metrics_of_the_same_training_from_python(minidl):
    printed = minidl(*TRAIN, *METRICS, "--json").json()
    options = {"target": "species", "epochs": 5, "rounds": 2}
    expected = minidl_core.train(NETWORK, IRIS, metrics=METRICS[1::2], **options)
    for part, figures in ("train", expected.train), ("test", expected.test):
        assert list(printed[part]) == ["loss", "accuracy", "f1", "confusion_matrix", 'f1(average="weighted")']
        assert printed[part]["f1"]["values"] == list(figures["f1"].values)
        matrix = printed[part]["confusion_matrix"]
        assert matrix["values"] == [[list(row) for row in one] for one in figures["confusion_matrix"].values]
        assert [[len(row) for row in matrix[name]] for name in ("mean", "std")] == [[3, 3, 3]] * 2
        rows = {"train": 120, "test": 30}[part]
        assert [sum(map(sum, one)) for one in matrix["values"]] == [rows, rows]


def test_they_are_rows_of_the_table_and_a_matrix_is_a_table_of_its_own(minidl):
    ran = minidl(*TRAIN, *METRICS)
    parts = ran.out.split("\n\n")
    assert [line.split()[0] for line in parts[1].splitlines()[1:]] == [
        *["accuracy", "f1", 'f1(average="weighted")', "loss"]
    ]
    for part, text in zip(("TRAIN", "TEST"), parts[2:4], strict=True):
        title, headings, *rows = text.splitlines()
        assert title == f"confusion_matrix {part}: true classes down, predicted ones across"
        assert headings.split() == ["setosa", "versicolor", "virginica"]
        assert [row.split()[0] for row in rows] == ["setosa", "versicolor", "virginica"]
        assert all(row.count("±") == 3 for row in rows)
    assert parts[4].startswith("saved in")


def test_evaluate_measures_by_what_it_is_asked_for(minidl):
    minidl(*TRAIN, "--out", "out")
    printed = minidl("evaluate", "out", IRIS, *METRICS, "--json").json()["metrics"]
    assert list(printed) == ["loss", "accuracy", "f1", "confusion_matrix", 'f1(average="weighted")']
    assert [sum(map(sum, one)) for one in printed["confusion_matrix"]["values"]] == [150, 150]
    shown = minidl("evaluate", "out", IRIS, "--metric", "confusion_matrix").out.split("\n\n")
    assert shown[2].startswith("confusion_matrix: true classes down, predicted ones across\n")
    assert len(shown) == 3


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_its_spec_is_completed(command):
    asked = getattr(importlib.import_module(f"minidl_core.cli.{command}"), command)
    [option] = [one for one in asked.params if one.name == "metrics"]

    def offered(text: str) -> list[str]:
        return [item.value for item in option.shell_complete(click.Context(asked), text)]

    assert offered("f1(aver") == ["f1(average="]
    assert offered("ro") == ["roc_auc"]


def test_values_are_measured_in_the_units_of_their_column(minidl):
    ran = minidl(
        *("train", DATA / "diabetes.csv", "--target", "progression", "--model", NETWORK, "--metric", "mae", "--json")
    )
    assert 20 < ran.json()["test"]["mae"]["mean"] < 90


def test_an_area_that_is_none_is_null(minidl, tmp_path):
    rows = [f"{i},{'a' if i else 'b'}" for i in range(20)]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows))
    ran = minidl("train", "t.csv", "--target", "y", "--model", NETWORK, "--metric", "roc_auc", "--epochs", 1, "--json")
    assert ran.json()["test"]["roc_auc"] == {"mean": None, "std": None, "values": [None]}


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("r2", "metric r2 takes values, and the target is a class; metrics that fit: accuracy"),
        ("acuracy", "did you mean 'accuracy'"),
        ("f1(averge=micro)", "did you mean 'average'"),
        ('f1(average="binary")', "is of two classes"),
    ],
)
def test_what_does_not_fit_is_refused_and_no_folder_stays(minidl, tmp_path, metric, said):
    ran = minidl(*TRAIN, "--metric", metric)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert not list(tmp_path.iterdir())


@needs("hinge")
def test_evaluate_refuses_probabilities_of_a_loss_that_has_none(minidl):
    minidl(*TRAIN, "--loss", "hinge", "--out", "out")
    ran = minidl("evaluate", "out", IRIS, "--metric", "roc_auc")
    assert (ran.code, ran.out) == (2, "")
    assert "the loss hinge gives no probabilities of classes; metrics that fit: accuracy" in ran.err
