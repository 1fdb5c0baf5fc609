"""Bad input: a clear error, the right exit code, and nothing lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import DATA, NETWORK

from minidl_core.training.model_file import load_model

IRIS = DATA / "iris.csv"
LEFT = "--missing drop leaves them out"
FILLED = (
    "--missing median, mean or most_frequent fills them in from the training rows, --missing drop leaves their rows out"
)
PREDICTED = "what is to be predicted in some rows"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["disk", "--model", "liner(2,2)"], 2, "did you mean 'linear'?"),
        (["disk", "--model", "linear(2)"], 2, "linear lacks 'out_features'"),
        (["disk", "--model", "linear(_,8)-linear(9,_)"], 2, "linear expects 9 inputs but gets 8"),
        (["disk", "--model", "linear(3,2)"], 2, "linear expects 3 inputs but gets 2"),
        (["disk", "--model", "linear(2,5)"], 2, "the model gives 5 outputs but the data needs 2 or 1"),
        (["disk", "--model", NETWORK, "--loss", "mean"], 2, "unknown loss 'mean'"),
        (["disk", "--model", NETWORK, "--optimizer", "sgd(lr=-1)"], 2, "lr must be greater than 0, got -1"),
        (["disk", "--model", NETWORK, "--epochs", "0"], 2, "--epochs"),
        (["disk", "--model", NETWORK, "--rounds", "100000000"], 2, "rounds must be a whole number from 1 to 10000"),
        (["disk", "--model", NETWORK, "--threads", "100000"], 2, "threads must be a whole number from 1 to 256"),
        (["disk", "--model", NETWORK, "--test", "x.csv"], 2, "a dataset draws its own samples"),
        (["disk", "--model", NETWORK, "--test-fraction", "0.3"], 2, "a dataset draws its own samples"),
        (["disk", "--model", NETWORK, "--task", "regression"], 2, "leave the task 'regression' out"),
        (["disk", "--model", NETWORK, "--target", "class"], 2, "leave the target 'class' out"),
        (["dsk", "--model", NETWORK], 2, "did you mean 'disk'?"),
        (["nothing-like-it", "--model", NETWORK], 2, "there is no file and no dataset 'nothing-like-it'"),
        (["missing.csv", "--target", "a", "--model", NETWORK], 1, "there is no file 'missing.csv'"),
        ([IRIS, "--model", NETWORK], 2, "needs a target, the column to predict; its columns: 'sepal length (cm)'"),
        ([IRIS, "--target", "specie", "--model", NETWORK], 2, "did you mean 'species'? its columns: 'sepal length"),
        ([IRIS, "--target", "species", "--model", NETWORK, "--test-fraction", "1.5"], 2, "test fraction"),
        (
            [IRIS, "--target", "species", "--model", NETWORK, "--test", IRIS, "--test-fraction", "0.5"],
            2,
            "minidl: test and test fraction each say what is for test; leave out all but one\n",
        ),
        (["disk", "--model", NETWORK, "--schedule", "cosin"], 2, "unknown schedule 'cosin'"),
        (["disk", "--model", NETWORK, "--schedule", "step(gamma=0)"], 2, "gamma must be greater than 0, got 0"),
        (["disk", "--model", NETWORK, "--clip-norm", "0"], 2, "clip_norm must be greater than 0 and finite, got 0.0"),
        (["disk", "--model", NETWORK, "--l1", "-1"], 2, "l1 must be 0 or greater, and finite, got -1.0"),
        (["disk", "--model", NETWORK, "--l2", "nan"], 2, "l2 must be 0 or greater, and finite, got nan"),
        (["disk", "--model", NETWORK, "--patience", "0"], 2, "--patience"),
        (["disk", "--model", NETWORK, "--validation-fraction", "0.3"], 2, "a dataset draws its own samples"),
        ([IRIS, "--target", "species", "--model", NETWORK, "--validation-fraction", "1"], 2, "validation fraction"),
        (["disk", "--model", ""], 2, "the spec is empty"),
    ],
)
def test_a_wrong_request_says_what_to_do_and_leaves_no_folder(minidl, options, code, message):
    ran = minidl("train", *options, "--out", "out")
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not Path("out").exists()


def test_all_problems_of_a_spec_are_shown_with_carets(minidl):
    ran = minidl("train", "disk", "--model", "liner(2,25)-relu-linear(25,2,bais=true)")
    assert ran.err == (
        "minidl: spec error: unknown layer 'liner'\n"
        "  liner(2,25)-relu-linear(25,2,bais=true)\n"
        "  ^^^^^  did you mean 'linear'?\n"
        "spec error: linear has no argument 'bais'\n"
        "  liner(2,25)-relu-linear(25,2,bais=true)\n"
        "                               ^^^^^^^^^  did you mean 'bias'?\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b,c\n", "has a header and no rows"),
        ("a;b;c\n1;2;x\n", "seems to be separated by ';' and not by ','"),
        ("a,b,c\n1,2,x\n1,2\n", "line 3: 2 cells where the header has 3 columns"),
        ("a,b,c\n1,2,x\n1,two,y\n", "row 2 (line 3), column 'b': 'two' is not a number"),
        ("a,b,c\n1,nan,x\n1,2,y\n", f"minidl: 'bad.csv' has missing cells: 1 of 'b' (in row 1 (line 2)); {FILLED}\n"),
        ("a,b,c\n1,2,x\n-inf,2,y\n", "row 2 (line 3), column 'a': '-inf' is not a finite number"),
        ("a,b,c\n1,2,x\n1,,y\n", f"minidl: 'bad.csv' has missing cells: 1 of 'b' (in row 2 (line 3)); {FILLED}\n"),
        (
            "a,b,c\n1,,x\n,2,y\nNA,3,y\n",
            "minidl: 'bad.csv' has missing cells: 2 of 'a' (first in row 2 (line 3)), 1 of 'b' (in row 1 (line 2)); "
            f"{FILLED}\n",
        ),
        ("a,b,c\n1,2,x\n3,2,x\n", "has one class only ('x')"),
        (
            "a,b,c\n1,2,0\n3,2,nan\n3,2,1\n",
            f"minidl: 'bad.csv' lacks {PREDICTED}: 1 of 'c' (in row 2 (line 3)); {LEFT}\n",
        ),
        (
            "a,b,c\n1,2,0\n3,2,NA\n3,2,1\n",
            f"minidl: 'bad.csv' lacks {PREDICTED}: 1 of 'c' (in row 2 (line 3)); {LEFT}\n",
        ),
        (
            "a,b,c\n1,2,0\n3,2,\n3,2,\n",
            f"minidl: 'bad.csv' lacks {PREDICTED}: 2 of 'c' (first in row 2 (line 3)); {LEFT}\n",
        ),
    ],
)
def test_a_bad_table_is_refused_with_its_row_and_column(minidl, content, message):
    Path("bad.csv").write_text(content)
    ran = minidl("train", "bad.csv", "--target", "c", "--model", NETWORK, "--out", "out")
    assert ran.code == 1
    assert message in ran.err
    assert not Path("out").exists()


def test_an_existing_folder_is_never_written_into(minidl):
    Path("out").mkdir()
    Path("out", "model.safetensors").write_text("precious")
    ran = minidl("train", "disk(n=20)", "--model", NETWORK, "--out", "out")
    assert ran.code == 2
    assert "'out' exists" in ran.err
    assert Path("out", "model.safetensors").read_text() == "precious"


def test_two_trainings_in_the_same_second_get_folders_of_their_own(minidl):
    for _ in range(3):
        assert minidl("train", "disk(n=20)", "--model", NETWORK, "--epochs", 1).code == 0
    assert len(list(Path("runs").iterdir())) == 3


def test_divergence_names_epoch_and_step_and_keeps_the_last_good_weights(minidl):
    ran = minidl("train", "disk(n=64)", "--model", "linear(_,8)-relu-linear(8,_)", "--optimizer", "sgd(lr=1e6)")
    [folder] = Path("runs").iterdir()
    assert ran.code == 1
    assert re.search(r"the loss became (NaN|infinite) in epoch \d+, step \d+ of 2;", ran.err)
    assert load_model(folder).model.parameters.values.isfinite().all()


def test_figures_are_printed_even_where_the_model_cannot_be_saved(minidl, monkeypatch):
    written = []

    def full(*_: object) -> None:
        written.append(1)
        if len(written) > 2:  # run.json and its folder, before the training
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("minidl_core.persistence.whole_file.os.fsync", full)
    ran = minidl("train", "disk(n=20)", "--model", NETWORK, "--epochs", 1, "--out", "out")
    assert ran.code == 1
    assert "accuracy" in ran.out
    assert "out/checkpoint.safetensors': No space left on device" in ran.err
    assert not list(Path("out").glob("*safetensors*"))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04\x95", b"PK\x03\x04" + b"\0" * 100])
def test_a_foreign_file_is_no_model(minidl, content):
    Path("m.safetensors").write_bytes(content)
    for command in "evaluate", "predict":
        ran = minidl(command, "m.safetensors", IRIS)
        assert ran.code == 1
        assert "'m.safetensors' is not a minidl model file" in ran.err


def test_missing_columns_of_new_data_are_named(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 1, "--out", "out")
    Path("new.csv").write_text("sepal length (cm),petal length (cm)\n1,2\n")
    ran = minidl("predict", "out", "new.csv")
    assert ran.code == 1
    assert "lacks 'sepal width (cm)', 'petal width (cm)'" in ran.err


def test_an_unknown_class_in_new_data_is_named(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 1, "--out", "out")
    Path("new.csv").write_text(IRIS.read_text().splitlines()[0] + "\n1,2,3,4,rose\n")
    ran = minidl("evaluate", "out", "new.csv")
    assert ran.code == 1
    classes = "'setosa', 'versicolor', 'virginica'"
    assert ran.err == (
        f"minidl: new.csv, row 1 (line 2), column 'species': unknown class 'rose'; there are: {classes}\n"
    )


def test_a_dataset_of_other_columns_is_refused(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 1, "--out", "out")
    assert minidl("evaluate", "out", "disk").code == 1


def test_an_unknown_command_suggests_the_nearest(minidl):
    ran = minidl("trian")
    assert ran.code == 2
    assert "did you mean 'train'?" in ran.err


def test_an_internal_error_is_one_line_unless_debugged(minidl, monkeypatch):
    monkeypatch.setattr("minidl_core.cli.plugins.loaded_plugins", lambda: 1 / 0)
    quiet = minidl("plugins")
    monkeypatch.setenv("MINIDL_DEBUG", "1")
    loud = minidl("plugins")
    assert (quiet.code, loud.code) == (1, 1)
    assert len(quiet.err.splitlines()) == 1
    assert "Traceback" in loud.err
