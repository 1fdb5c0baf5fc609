"""`.npy` files on the command line: trained on, evaluated and predicted, and each mistake one line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from commands import NETWORK

from minidl_core.data import npy
from minidl_core.training import load_model

ROWS = 200


@pytest.fixture
def flowers(minidl, monkeypatch) -> np.ndarray:  # noqa: ARG001, in whose folder it is
    """Named columns, two of them features of a class of three, in `flowers.npy`, read a few rows at a time."""
    monkeypatch.setattr(npy, "READ_BYTES", 100)
    numbers = np.random.default_rng(0).standard_normal((ROWS, 2))
    table = np.empty(ROWS, [("width", "f4"), ("height", "f8"), ("kind", "i2")])
    table["width"], table["height"], table["kind"] = numbers[:, 0], numbers[:, 1], 10 * (numbers.sum(1) > 0)
    np.save("flowers.npy", table)
    return table


def test_a_file_is_trained_on_evaluated_and_predicted(minidl, flowers):
    options = ["--target", "kind", "--model", NETWORK, "--loss", "mse", "--optimizer", "sgd", "--epochs", 30]
    ran = minidl("train", "flowers.npy", *options, "--out", "out")
    assert ran.code == 0, ran.err
    assert "data       flowers.npy: 160 rows to train on, 40 to test on\n" in ran.out
    assert "columns    2 numbers: width, height\ntarget     kind, 2 classes: 0, 10\n" in ran.out
    assert load_model("out").classes == ("0", "10")
    evaluated = minidl("evaluate", "out", "flowers.npy", "--json").json()
    assert evaluated["rows"] == ROWS
    assert evaluated["metrics"]["accuracy"]["mean"] > 0.9
    rows = list(csv.DictReader(io.StringIO(minidl("predict", "out", "flowers.npy").out)))
    assert [float(row["height"]) for row in rows] == flowers["height"].tolist()
    assert [np.float32(row["width"]) for row in rows] == flowers["width"].tolist()
    right = sum(row["kind"] == row["predicted kind"] for row in rows)
    assert right / ROWS == pytest.approx(evaluated["metrics"]["accuracy"]["mean"])


def test_a_csv_file_of_the_same_rows_gives_the_same_figures(minidl, flowers):
    with Path("flowers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([flowers.dtype.names, *([repr(cell.item()) for cell in row] for row in flowers)])
    options = ["--target", "kind", "--model", NETWORK, "--epochs", 3, "--rounds", 2, "--json"]
    figures = [minidl("train", f"flowers{suffix}", *options).json() for suffix in (".npy", ".csv")]
    assert figures[0]["test"] == figures[1]["test"]
    tested = [
        minidl("train", *options, "--test", f"flowers{suffix}", "flowers.csv").json() for suffix in (".npy", ".csv")
    ]
    assert tested[0]["test"] == tested[1]["test"]


def test_predictions_are_written_whole_or_not_at_all(minidl, flowers):
    minidl("train", "flowers.npy", "--target", "kind", "--model", "linear(_,_)", "--epochs", 1, "--out", "out")
    minidl("predict", "out", "flowers.npy", "-o", "predicted.csv")
    assert len(Path("predicted.csv").read_text().splitlines()) == ROWS + 1
    flowers["height"][ROWS - 1] = np.nan
    np.save("broken.npy", flowers)
    ran = minidl("predict", "out", "broken.npy", "-o", "broken.csv")
    assert (ran.code, ran.out) == (1, "")
    assert "broken.npy, row 200, column 'height': 'nan' is not a finite number" in ran.err
    assert not Path("broken.csv").exists()
    flowers["height"][ROWS - 1] = 1e300
    np.save("broken.npy", flowers)
    assert "row 200 gives no finite output" in minidl("predict", "out", "broken.npy").err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["flowers.npy"], 2, "needs a target, the column to predict; its columns: 'width', 'height', 'kind'"),
        (["flowers.npy", "--target", "knd"], 2, "no column 'knd'; did you mean 'kind'?"),
        (["missing.npy", "--target", "kind"], 1, "there is no file 'missing.npy'"),
        (["objects.npy", "--target", "0"], 1, "no array of numbers"),
    ],
)
@pytest.mark.usefixtures("flowers")
def test_a_mistake_is_one_line(minidl, arguments, code, words):
    np.save("objects.npy", np.array([[1, "a"]], object), allow_pickle=True)
    ran = minidl("train", *arguments, "--model", NETWORK)
    assert ran.code == code
    assert words in ran.err
    assert ran.err.count("\n") == 1
