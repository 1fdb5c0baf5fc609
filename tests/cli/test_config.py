"""`minidl train --config`: a request from a run or a TOML file, beside which what is typed comes first."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import pytest
from commands import DATA, NETWORK
from run_folders import assert_same_run, contents, run_json
from run_requests import request, write_table

import minidl_core

EVERY_KEY = """
data = "table.csv"
model = "linear(_,6)-tanh-linear(6,_)"
target = ["kind"]
task = "classification"
features = ["a,b,colour", "gap"]
categorical = []
missing = "median"
scaling = "min_max"
weight = "weight"
class_weight = "balanced"
test_fraction = 0.25
validation_fraction = 0.3
group = "who"
resplit = true
loss = "mse"
optimizer = "sgd(lr=0.5)"
schedule = "cosine"
metrics = ["f1", "confusion_matrix"]
clip_norm = 1
l1 = 1e-4
l2 = 0
epochs = 3
batch_size = 16
rounds = 2
seed = 5
patience = 2
dtype = "float64"
device = "cpu"
threads = 1
capture = false
out = "of the file"
save_every = 2
"""


def asked(folder: str) -> dict[str, object]:
    found: dict[str, object] = run_json(folder)["request"]
    return found


@pytest.mark.parametrize("kind", ["everything", "folds of groups", "a validation file", "dataset with patience"])
def test_a_run_is_the_same_once_more(minidl, kind):
    minidl_core.train(**request(kind), out="first")
    for config in "first", "first/run.json":
        ran = minidl("train", "--config", config, "--out", "again", "--quiet")
        assert ran.code == 0
        assert_same_run("again", "first", but=["asked"])
        assert set(run_json("again")["asked"]) >= set(run_json("first")["asked"])  # what was filled in is asked for now
        shutil.rmtree("again")


def test_the_file_itself_is_read_wherever_it_is(minidl):
    minidl("train", "disk(n=20)", "--model", NETWORK, "--epochs", 1, "--out", "run")
    minidl("train", "disk(n=30)", "--model", NETWORK, "--epochs", 1, "--out", "other")
    shutil.copy("other/run.json", "run/kept.json")
    assert minidl("train", "--config", "run/kept.json", "--out", "again").code == 0
    assert asked("again")["data"] == "disk(n=30)"


def test_every_key_of_toml(minidl):
    write_table("table.csv")
    Path("c.toml").write_text(EVERY_KEY)
    assert minidl("train", "--config", "c.toml").code == 0
    found = asked("of the file")
    assert found["model"] == "linear(6,6)-tanh-linear(6,2)"
    expected = {"target": ["kind"], "features": ["a,b,colour", "gap"], "metrics": ["f1", "confusion_matrix"]}
    expected |= {"optimizer": "sgd(lr=0.5)", "clip_norm": 1.0, "l1": 1e-4, "rounds": 2, "seed": 5, "capture": False}
    assert {name: found[name] for name in expected} == expected


def test_every_option_is_a_key_and_every_parameter_of_python(minidl):
    Path("c.toml").write_text("surprise = 1")
    told = minidl("train", "--config", "c.toml", "disk").err
    keys = {line.split(" = ")[0].strip() for line in told.splitlines()[2:]}
    assert keys == inspect.signature(minidl_core.train).parameters.keys() - {"on_epoch", "stop"}
    assert "  epochs = 100\n" in told
    assert '  scaling = "standardize"\n' in told
    assert "  metrics = []\n" in told


def test_what_is_typed_comes_first(minidl):
    write_table("table.csv")
    Path("c.toml").write_text(EVERY_KEY)
    typed = ["--epochs", 1, "--metric", "accuracy", "--features", "a", "--features", "b", "--seed", 0, "--capture"]
    assert minidl("train", "--config", "c.toml", *typed, "--model", NETWORK, "--out", "typed").code == 0
    expected = {"epochs": 1, "features": ["a", "b"], "metrics": ["accuracy"], "seed": 0, "capture": True, "l1": 1e-4}
    assert {name: asked("typed")[name] for name in expected} == expected
    Path("other.toml").write_text('data = "moons"\nepochs = 4\nmodel = "linear(_,2)"\ncapture = false')
    assert minidl("train", "disk(n=20)", "--config", "other.toml", "--epochs", 1, "--capture", "--out", "o").code == 0
    assert (asked("o")["data"], asked("o")["epochs"], asked("o")["capture"]) == ("disk(n=20)", 1, True)
    assert asked("o")["model"] == "linear(2,2)"


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        (["--folds", 3], {"folds": 3, "test_fraction": None, "rounds": 3}),
        (["--test", "other.csv"], {"test": "other.csv", "test_fraction": None}),
        (["--split", "part"], {"split": "part", "test_fraction": None, "validation_fraction": None}),
        (["--validation", "other.csv"], {"validation": "other.csv", "validation_fraction": None}),
        (["--group", "who"], {"group": "who"}),
        (["--time", "day", "--rounds", 1], {"time": "day", "rounds": 1}),
        (["--test-fraction", 0.5], {"test_fraction": 0.5}),
    ],
)
def test_what_is_typed_comes_in_the_place_of_what_it_excludes(minidl, typed, changed):
    write_table("table.csv")
    write_table("other.csv", rows=20, seed=1)
    kept = ["--validation-fraction", 0.3, "--rounds", 2, "--epochs", 1, "--model", NETWORK, "--features", "a,b"]
    assert minidl("train", "table.csv", "--target", "kind", *kept, "--out", "run").code == 0
    assert minidl("train", "--config", "run", *typed, "--out", "again").code == 0
    assert asked("again") == {**asked("run"), **changed}


def test_folds_of_a_file_give_way_to_rounds_and_to_time(minidl):
    write_table("table.csv")
    common = ["--target", "kind", "--epochs", 1, "--model", NETWORK, "--features", "a,b"]
    assert minidl("train", "table.csv", *common, "--folds", 3, "--out", "run").code == 0
    assert minidl("train", "--config", "run", "--rounds", 2, "--out", "rounds").code == 0
    assert (asked("rounds")["folds"], asked("rounds")["rounds"]) == (None, 2)
    assert minidl("train", "--config", "run", "--time", "day", "--out", "time").code == 0
    assert (asked("time")["folds"], asked("time")["time"]) == (None, "day")


def test_patience_beside_a_run_that_had_none_holds_rows_out_as_it_does_alone(minidl):
    common = [DATA / "iris.csv", "--target", "species", "--epochs", 2, "--model", NETWORK]
    assert minidl("train", *common, "--out", "run").code == 0
    assert minidl("train", *common, "--patience", 2, "--out", "alone").code == 0
    assert minidl("train", "--config", "run", "--patience", 2, "--out", "beside").code == 0
    assert asked("beside") == asked("alone")
    assert asked("alone")["validation_fraction"] == 0.2


def test_files_of_a_run_are_found_from_elsewhere(minidl, monkeypatch):
    write_table("table.csv")
    minidl("train", "table.csv", "--target", "kind", "--features", "a,b", "--epochs", 1, "--out", "run")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert minidl("train", "--config", "../run", "--out", "again").code == 0
    assert contents("again")["history.csv"] == contents("../run")["history.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch = 3", "'c.toml' has the key 'epoch', which minidl train does not know; did you mean 'epochs'?"),
        ("batch-size = 3", "the key 'batch-size', which minidl train does not know; did you mean 'batch_size'?"),
        ("[data]\nepochs = 3", "'c.toml': data must be a value as on the command line, got {'epochs': 3}"),
        ("quiet = true", "'c.toml' has the key 'quiet', which"),
        ("resume = 'run'", "'c.toml' has the key 'resume', which"),
        ("epochs = 'many'", "'c.toml': epochs: 'many' is not a valid integer range"),
        ("epochs = 2.5", "'c.toml': epochs: '2.5' is not a valid integer range"),
        ("epochs = 0", "'c.toml': epochs: 0 is not in the range x>=1"),
        ("epochs = [1, 2]", "'c.toml': epochs must be one value, got a list"),
        ("epochs = true", "'c.toml': epochs must be a value as on the command line, got True"),
        ("capture = 'no'", "'c.toml': capture must be true or false, got 'no'"),
        ("time = 2020-01-01", "'c.toml': time must be a value as on the command line, got datetime.date(2020, 1, 1)"),
        ("dtype = 'float16'", "'c.toml': dtype: 'float16' is not one of 'float32', 'float64'"),
        ("l1 = nan", "l1 must be 0 or greater, and finite, got nan"),
        ("metrics = ['f1', ['r2']]", "minidl: "),
        ("epochs = ", "'c.toml' is no TOML: Invalid value (at "),
        ("epochs = 1\nepochs = 2", "'c.toml' is no TOML: Cannot overwrite a value"),
        ("\x00", "'c.toml' is no TOML: "),
    ],
)
def test_a_file_that_is_wrong(minidl, content, message):
    Path("c.toml").write_text(content)
    ran = minidl("train", "disk(n=20)", "--config", "c.toml")
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "internal error" not in ran.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("absent.toml", 2, "there is no file 'absent.toml'"),
        ("folder", 1, "there is no run in 'folder': it has no run.json"),
        ("folder/absent.json", 1, "there is no run in 'folder': it has no absent.json"),
        ("folder/model.safetensors", 2, "'folder/model.safetensors' is no TOML: "),
        ("folder/model.safetensors/c.toml", 2, "cannot read 'folder/model.safetensors/c.toml': Not a directory"),
    ],
)
def test_a_file_that_is_none(minidl, path, code, message):
    Path("folder").mkdir()
    Path("folder", "model.safetensors").write_bytes(b"\xff\xfe\x00")
    ran = minidl("train", "disk(n=20)", "--config", path)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_without_data_anywhere(minidl):
    Path("c.toml").write_text("epochs = 1")
    ran = minidl("train", "--config", "c.toml")
    assert ran.code == 2
    assert "give DATA to train on, --config FILE that names it, or --resume DIR" in ran.err
