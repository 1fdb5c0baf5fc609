"""Tables as they are in the world: each oddity is read as documented, or refused with what to do."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commands import DATA, NETWORK

ROWS = 20
QUICK = ["--model", NETWORK, "--loss", "mse", "--epochs", "2", "--quiet"]


def table(cells: Any = None, name: str = "a", count: int = ROWS) -> str:
    """A table of numbers and two classes, with a column of these cells over and over."""
    lines = [f"{name},x,t" if cells else "x,t"]
    for i in range(count):
        lines.append(",".join([*([cells[i % len(cells)]] if cells else []), f"{i}.5", ["no", "yes"][i % 2]]))
    return "\n".join(lines) + "\n"


def with_cell(cell: str) -> str:
    """Numbers, of which the one in row 8, on line 9, is this cell."""
    return table([cell if i == 7 else str(i) for i in range(ROWS)])


@pytest.fixture
def attempt(minidl):
    """`attempt(content, *options)`: train on a file of this content."""

    def call(content: str | bytes, *options: object, name: str = "table.csv"):
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        target = () if "--target" in options else ("--target", "t")
        return minidl("train", name, *target, *QUICK, "--json", *options)

    return call


REFUSED = {
    "a text among numbers": (
        with_cell("high"),
        "minidl: table.csv, row 8 (line 9), column 'a': 'high' is not a number; correct it, leave the column "
        "out (--drop 'a'), or take its cells as categories (--categorical 'a')\n",
    ),
    "a missing cell": (
        with_cell(""),
        "minidl: 'table.csv' has missing cells: 1 of 'a' (in row 8 (line 9)); --missing median, mean or most_frequent "
        "fills them in from the training rows, --missing drop leaves their rows out\n",
    ),
    "a missing class": (
        table().replace("\n8.5,no", "\n8.5,"),
        "minidl: 'table.csv' lacks what is to be predicted in some rows: 1 of 't' (in row 9 (line 10)); --missing drop "
        "leaves them out\n",
    ),
    "infinity": (
        with_cell("1e999"),
        "minidl: table.csv, row 8 (line 9), column 'a': '1e999' is not a finite number; correct it, or remove "
        "the row\n",
    ),
    "an underscore": (
        with_cell("1_000"),
        "minidl: table.csv, row 8 (line 9), column 'a': '1_000' is not a number; correct it, leave the column "
        "out (--drop 'a'), or take its cells as categories (--categorical 'a')\n",
    ),
    "arabic digits": (
        with_cell("١٢"),
        "minidl: table.csv, row 8 (line 9), column 'a': '١٢' is not a number; correct it, leave the column "
        "out (--drop 'a'), or take its cells as categories (--categorical 'a')\n",
    ),
    "a decimal comma": (
        with_cell('"1,5"'),
        "minidl: table.csv, row 8 (line 9), column 'a': '1,5' is not a number; correct it, leave the column "
        "out (--drop 'a'), or take its cells as categories (--categorical 'a')\n",
    ),
    "a very long cell among numbers": (
        with_cell("x" * 200_000),
        f"minidl: table.csv, row 8 (line 9), column 'a': '{'x' * 40}' is not a number; correct it, leave the column "
        "out (--drop 'a'), or take its cells as categories (--categorical 'a')\n",
    ),
    "latin-1": (
        table(["caf\xe9"]).encode("latin-1"),
        "minidl: cannot read 'table.csv', line 2: byte 0xe9 is not UTF-8; save it as UTF-8\n",
    ),
    "utf-16": (table().encode("utf-16"), "minidl: 'table.csv' is UTF-16 text; save it as UTF-8\n"),
    "a NUL byte": (
        with_cell("\0"),
        "minidl: cannot read 'table.csv', line 9: a NUL byte; save it as UTF-8 text\n",
    ),
    "an old Mac's lines": (
        table().replace("\n", "\r"),
        "minidl: the lines of 'table.csv' end in CR alone; save it with LF or CRLF\n",
    ),
    "semicolons": (
        table().replace(",", ";"),
        "minidl: 'table.csv' seems to be separated by ';' and not by ','; save it with the latter\n",
    ),
    "a name twice": (
        table(["1", "2"], name="x"),
        "minidl: 'table.csv' has the column 'x' more than once; give each a name of its own\n",
    ),
    "a name twice but for blanks": (
        table(["1", "2"], name=" x "),
        "minidl: 'table.csv' has the column 'x' more than once; give each a name of its own\n",
    ),
    "no name": (table(["1", "2"], name=""), "minidl: 'table.csv': column 1 has no name; give each column one\n"),
    "an open quote": (
        with_cell('"1'),
        "minidl: cannot read 'table.csv', line 9: a cell begins with a quote that is never closed\n",
    ),
    "a broken quote": (
        with_cell('""1 "2'),
        "minidl: cannot read 'table.csv', line 9: ',' expected after '\"'\n",
    ),
    "a short row": (
        table().replace("\n8.5,no", "\n8.5"),
        "minidl: cannot read 'table.csv', line 10: 1 cells where the header has 2 columns\n",
    ),
    "a long row": (
        table().replace("\n8.5,no", "\n8.5,no,"),
        "minidl: cannot read 'table.csv', line 10: 3 cells where the header has 2 columns\n",
    ),
    "a long last row without an end": (
        table() + "1,no,",
        "minidl: cannot read 'table.csv', line 22: 3 cells where the header has 2 columns\n",
    ),
    "one class": (
        table().replace("yes", "no"),
        "minidl: 'table.csv': column 't' has one class only ('no'); there is nothing to learn\n",
    ),
    "dates": (
        table([f"2024-01-{i + 1:02}" for i in range(ROWS)], name="when"),
        "minidl: 'table.csv': column 'when' has dates ('2024-01-01'), which are neither numbers nor categories as they "
        "are; make numbers of them (year, month, days since ...), or leave the column out: --drop 'when' (--time "
        "'when' splits by them)\n",
    ),
    "names of rows": (
        table([f"n{i}" for i in range(30)], count=30),
        "minidl: 'table.csv': column 'a' has 30 different texts in 30 rows, 'n0' and so on, so many that they name "
        "rows and not categories; leave the column out: --drop 'a'\n",
    ),
    "numbers too far apart": (
        table(["-1.7e308", "1.7e308", "1.7e308"]),
        "minidl: column 'a' goes from -1.7e+308 to 1.7e+308, too far for a model's arithmetic; take another unit, or "
        "its logarithm\n",
    ),
    "nothing": ("", "minidl: 'table.csv' is empty: a header line with the names of the columns is expected\n"),
    "a header alone": ("x,t\n", "minidl: 'table.csv' has a header and no rows\n"),
    "one row": (
        "x,t\n1.5,2.5\n",
        "minidl: 1 rows cannot be split with a test fraction of 0.2; give more rows or another fraction, or a test "
        "file\n",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_where_it_stands_with_what_to_do(attempt, what: str) -> None:
    content, message = REFUSED[what]
    ran = attempt(content)
    assert (ran.code, ran.out, ran.err) == (1, "", message)
    assert not Path("runs").exists()


READ = {
    "quotes, commas and new lines in a cell": (table(['"a, ""b"""', '"c\nd"']), ["category", "number"]),
    "a byte order mark": ("\ufeff" + table(), ["number"]),
    "Windows line ends": (table().replace("\n", "\r\n"), ["number"]),
    "no end of the last line": (table().rstrip("\n"), ["number"]),
    "empty lines and rows of blanks": (table().replace("\n7", '\n\n , \n"",\n7'), ["number"]),
    "blanks around cells and names": (table([" 1 ", "2 "], name=" a "), ["number", "number"]),
    "a constant column": (table(["3"]), ["number", "number"]),
    "a very long cell of categories": (table(["x" * 200_000, "y"]), ["category", "number"]),
    "a very long name": (table(["1", "2"], name="n" * 10_000), ["number", "number"]),
    "booleans": (table(["true", "FALSE"]), ["boolean", "number"]),
    "underscores alone": (table(["1_000", "2_000"]), ["category", "number"]),
    "signs, points and exponents": (table(["+1", "-.5", "2.", "1e-3"]), ["number", "number"]),
    "names beyond ASCII": (table(["1", "2"], name="größe 尺"), ["number", "number"]),
    "whole numbers beyond 64 bits": (table(["123456789012345678901234567890", "2"]), ["number", "number"]),
}


@pytest.mark.parametrize("what", READ)
def test_what_is_odd_and_can_be_read_is_read_as_documented(attempt, what: str) -> None:
    content, kinds = READ[what]
    ran = attempt(content)
    assert (ran.code, ran.err) == (0, ""), ran.err
    assert [column["kind"] for column in ran.json()["columns"]] == kinds
    assert ran.json()["train"]["loss"]["mean"] is not None


@pytest.mark.parametrize("what", [what for what in REFUSED if "row" not in what])
def test_a_file_that_is_refused_in_training_is_refused_as_test_data_too(attempt, minidl, what: str) -> None:
    attempt(table(["1", "2"]), name="train.csv")
    Path("table.csv").write_bytes(
        REFUSED[what][0] if isinstance(REFUSED[what][0], bytes) else REFUSED[what][0].encode()
    )
    ran = minidl("train", "train.csv", "--target", "t", *QUICK, "--test", "table.csv")
    assert ran.code in (0, 1)
    assert "MINIDL_DEBUG" not in ran.err


@pytest.mark.parametrize("how", ["median", "mean", "most_frequent", "drop"])
def test_missing_cells_are_treated_as_asked(attempt, minidl, how: str) -> None:
    content = table(["1", "NA", "3", "nan", "?"])
    trained = attempt(content, "--missing", how, "--out", "model")
    assert trained.code == 0, trained.err
    predicted = minidl("predict", "model", "table.csv")
    evaluated = minidl("evaluate", "model", "table.csv", "--json")
    if how == "drop":
        assert evaluated.json()["rows"] == ROWS * 2 // 5
        assert predicted.code == 1
        assert "has missing cells, 12 of 'a' (first in row 2 (line 3)), and the model learned from rows without" in (
            predicted.err
        )
    else:
        assert evaluated.json()["rows"] == ROWS
        assert len(predicted.out.splitlines()) == ROWS + 1


PLANTS = pl.DataFrame(
    {
        "height": [i + 0.5 for i in range(ROWS)],
        "town": [["ab", "cd", "ef"][i % 3] for i in range(ROWS)],
        "ok": [i % 4 == 0 for i in range(ROWS)],
        "w": [1 + i % 3 for i in range(ROWS)],
        "t": ["no", "yes"] * 10,
    }
)


@pytest.fixture
def model(minidl) -> str:
    PLANTS.write_csv("plants.csv")
    ran = minidl("train", "plants.csv", "--target", "t", "--weight", "w", *QUICK, "--rounds", 2, "--out", "model")
    assert (ran.code, ran.err) == (0, "")
    return "model"


def predictions(out: str) -> list[str]:
    return [row["predicted t"] for row in csv.DictReader(io.StringIO(out))]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_columns_may_come_in_any_order_and_more_of_them_are_named(minidl, model: str, suffix: str) -> None:
    expected = minidl("predict", model, "plants.csv")
    assert expected.err == ""
    other = PLANTS.select("t", "ok", pl.lit(1).alias("more"), "town", "height", "w", pl.lit("é").alias("too"))
    getattr(other, {".csv": "write_csv", ".parquet": "write_parquet", ".jsonl": "write_ndjson"}[suffix])(f"new{suffix}")
    predicted = minidl("predict", model, f"new{suffix}")
    assert predicted.code == 0
    assert predicted.err == f"minidl: new{suffix}: not used: 'more', 'too'\n"
    assert predictions(predicted.out) == predictions(expected.out)
    assert predicted.out.splitlines()[0] == "t,ok,more,town,height,w,too,predicted t"
    evaluated = minidl("evaluate", model, f"new{suffix}", "--json")
    assert evaluated.err == f"minidl: new{suffix}: not used: 'more', 'too'\n"
    assert evaluated.json() == minidl("evaluate", model, "plants.csv", "--json").json()


def test_predict_needs_no_target_and_no_weight_and_evaluate_both(minidl, model: str) -> None:
    PLANTS.drop("t", "w").write_csv("new.csv")
    predicted = minidl("predict", model, "new.csv")
    assert (predicted.code, predicted.err) == (0, "")
    evaluated = minidl("evaluate", model, "new.csv")
    assert evaluated.code == 1
    assert evaluated.err == "minidl: 'new.csv' lacks 't', 'w'; its columns: 'height', 'town', 'ok'\n"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_missing_columns_are_named(minidl, model: str, command: str) -> None:
    PLANTS.drop("town", "ok").rename({"height": "hieght"}).write_csv("new.csv")
    ran = minidl(command, model, "new.csv")
    assert ran.code == 1
    assert ran.err == (
        "minidl: 'new.csv' lacks 'height', 'town', 'ok'; did you mean 'hieght'? its columns: 'hieght', 'w', 't'\n"
    )


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_unseen_categories_are_told_and_taken_as_none(minidl, model: str, command: str) -> None:
    PLANTS.with_columns(town=pl.Series([["ab", "new\nyork", "zz"][i % 3] for i in range(ROWS)])).write_csv("new.csv")
    ran = minidl(command, model, "new.csv")
    assert ran.code == 0
    assert "minidl: new.csv, column 'town': 'new york', 'zz' (rows: 13) unknown in training, taken as none" in ran.err


def test_an_unknown_class_is_refused_by_evaluate(minidl, model: str) -> None:
    PLANTS.with_columns(t=pl.lit("maybe")).write_csv("new.csv")
    ran = minidl("evaluate", model, "new.csv")
    assert (ran.code, ran.err) == (
        1, "minidl: new.csv, row 1 (line 2), column 't': unknown class 'maybe'; there are: 'no', 'yes'\n",
    )  # fmt: skip


def test_predictions_do_not_take_the_place_of_a_column(minidl, model: str) -> None:
    PLANTS.with_columns(pl.lit(1).alias("predicted t")).write_csv("new.csv")
    ran = minidl("predict", model, "new.csv", "-o", "out.csv")
    assert (ran.code, ran.out) == (1, "")
    assert (
        "'new.csv' has a column 'predicted t' already, which is what the predictions are called; rename it" in ran.err
    )
    assert not Path("out.csv").exists()


def test_several_targets_are_a_column_of_predictions_each(minidl) -> None:
    PLANTS.write_csv("plants.csv")
    ran = minidl("train", "plants.csv", "--target", "height", "--target", "w", "--drop", "t", *QUICK, "--out", "two")
    assert ran.code == 0, ran.err
    assert "target     height, w, values\n" in ran.out
    predicted = minidl("predict", "two", "plants.csv")
    rows = list(csv.DictReader(io.StringIO(predicted.out)))
    assert list(rows[0]) == [*PLANTS.columns, "predicted height", "predicted w"]
    assert all(isinstance(float(row["predicted height"]) + float(row["predicted w"]), float) for row in rows)


@pytest.mark.parametrize("write", ["write_csv", "write_parquet", "write_ndjson"])
def test_a_table_comes_from_standard_input(minidl, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    content = io.BytesIO()
    getattr(PLANTS, write)(content)

    def given() -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))

    PLANTS.write_csv("plants.csv")
    options = ["--target", "t", *QUICK, "--json"]
    given()
    trained = minidl("train", "-", *options, "--out", "model")
    assert (trained.code, trained.err) == (0, "")
    assert trained.json()["test"] == minidl("train", "plants.csv", *options).json()["test"]
    given()
    predicted = minidl("predict", "model", "-")
    assert predicted.out == minidl("predict", "model", "plants.csv").out
    given()
    assert (
        minidl("evaluate", "model", "-", "--json").json() == minidl("evaluate", "model", "plants.csv", "--json").json()
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    empty = minidl("train", "-", *options)
    assert (empty.code, empty.out) == (1, "")
    assert "'standard input' is empty" in empty.err


def test_what_was_inferred_is_shown(minidl) -> None:
    PLANTS.write_csv("plants.csv")
    options = ["plants.csv", "--target", "t", "--categorical", "w", *QUICK]
    shown = minidl("train", *options).out
    assert "plants.csv: 16 rows to train on, 4 to test on\n" in shown
    assert "columns    1 number: height\n           1 boolean: ok\n           2 categories: town (3), w (3)\n" in shown
    assert "target     t, 2 classes: no, yes\n" in shown
    found = minidl("train", *options, "--json").json()
    assert found["columns"] == [
        {"name": "height", "kind": "number", "categories": []},
        {"name": "town", "kind": "category", "categories": ["ab", "cd", "ef"]},
        {"name": "ok", "kind": "boolean", "categories": []},
        {"name": "w", "kind": "category", "categories": ["1", "2", "3"]},
    ]
    assert (found["target"], found["classes"], found["loss"]) == (["t"], ["no", "yes"], "mse")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--target", "x"], 2, "has no column 'x'; its columns: 'height', 'town'"),
        (["--target", "t", "--features", "t"], 2, "'t' is the target, and can be nothing else"),
        (["--target", "t", "--weight", "w", "--features", "w"], 2, "'w' is what rows are split or weighted by"),
        (["--target", "t", "--categorical", "w", "--drop", "w"], 2, "'w' is not among the features"),
        (["--target", "t", "--folds", "21"], 1, "20 rows cannot be parted in 21 folds; take fewer"),
        (["--target", "t", "--folds", "1"], 2, "--folds"),
        (["--target", "t", "--folds", "3", "--rounds", "2"], 2, "3 folds are 3 rounds, and not 2"),
        (["--target", "t", "--folds", "3", "--test", "plants.csv"], 2, "test and folds each say what is for test"),
        (["--target", "t", "--group", "town", "--time", "w"], 2, "rows are split by group or by time"),
        (["--target", "t", "--split", "town"], 1, "'ab' is none of train, validation, test"),
        (["--target", "t", "--test", "none.csv"], 1, "there is no file 'none.csv'"),
        (["--target", "t", "--test-fraction", "1"], 2, "the test fraction must be at least 0 and less than 1"),
        (["--target", "height,t"], 1, "'no' is not a number, nor are 19 more of this column; correct it\n"),
        (["--target", "height,w", "--drop", "t", "--class-weight", "balanced"], 2, "class_weight is for a target of"),
        (["--target", "t", "--missing", "zero"], 2, "--missing"),
        (["--target", "t", "--test-fraction", "0.01"], 1, "20 rows cannot be split with a test fraction of 0.01"),
    ],
)
def test_requests_that_cannot_be_are_refused(minidl, options: list[str], code: int, words: str) -> None:
    PLANTS.write_csv("plants.csv")
    ran = minidl("train", "plants.csv", *QUICK, *options)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert not Path("runs").exists()


WAYS: dict[str, list[list[str]]] = {
    "split": [[], ["--folds", "3"], ["--folds", "20"], ["--group", "town"], ["--time", "height"],
              ["--test", "plants.csv"], ["--test-fraction", "0"], ["--rounds", "3", "--no-resplit"]],
    "watch": [[], ["--patience", "1"], ["--patience", "1", "--validation-fraction", "0"],
              ["--validation", "plants.csv", "--patience", "1"], ["--schedule", "reduce_on_plateau"]],
    "weigh": [[], ["--weight", "w"], ["--class-weight", "balanced"], ["--weight", "w", "--class-weight", "balanced"]],
    "scale": [["--scaling", "min_max", "--missing", "drop"], ["--scaling", "none", "--missing", "most_frequent"]],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("split", WAYS["split"], ids=" ".join)
@pytest.mark.parametrize("watch", WAYS["watch"], ids=" ".join)
def test_all_options_go_together(minidl, split: list[str], watch: list[str]) -> None:
    holes = pl.when(pl.int_range(pl.len()) % 7 == 3).then(None).otherwise(pl.col("ok")).alias("ok")
    PLANTS.with_columns(holes).write_csv("plants.csv")
    for weigh in WAYS["weigh"]:
        for scale in WAYS["scale"]:
            options = [*split, *watch, *weigh, *scale, "--metric", "f1", "--metric", "confusion_matrix"]
            ran = minidl("train", "plants.csv", "--target", "t", *QUICK, "--json", *options)
            assert ran.code == 0 or (ran.code == 1 and "Traceback" not in ran.err and "MINIDL_DEBUG" not in ran.err)
            if "20" not in split:
                assert ran.code == 0, ran.err
            if ran.code == 0:
                assert None not in ran.json()["train"]["loss"]["values"]


def test_iris_and_its_target_are_enough(minidl) -> None:
    ran = minidl("train", DATA / "iris.csv", "--target", "species", "--epochs", 3, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert "columns    4 numbers: " in ran.out
    assert "model      linear(4,32)-relu-linear(32,32)-relu-linear(32,3)" in ran.out
