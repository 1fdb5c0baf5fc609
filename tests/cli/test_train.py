"""`minidl train`: what it prints, writes and refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from commands import DATA, NETWORK

import minidl_core
from minidl_core.plugins import registry
from minidl_core.training.model_file import load_model

IRIS = DATA / "iris.csv"


def test_a_dataset_is_trained_and_the_model_saved_in_a_folder_of_its_own(minidl):
    ran = minidl("train", "disk(n=100)", "--model", NETWORK, "--epochs", 2)
    [folder] = Path("runs").iterdir()
    assert ran.code == 0
    assert f"saved in {folder}; {folder}/report.html shows it" in ran.out
    files = {file.name for file in folder.iterdir() if file.is_file()} - {".lock"}
    assert files == {"run.json", "history.csv", "model.safetensors", "checkpoint.safetensors", "report.html"}


def test_a_dataset_is_all_that_a_training_needs(minidl):
    printed = minidl("train", "disk(n=100)", "--epochs", 2, "--json").json()
    expected = minidl_core.train(None, "disk(n=100)", epochs=2)
    assert printed["model"] == str(expected.trained.model) == "linear(2,32)-relu-linear(32,32)-relu-linear(32,2)"
    installed = registry()
    assert printed["loss"] == ("cross_entropy" if installed.bearing("loss", "cross_entropy") else "mse")
    assert printed["optimizer"] == ("adam" if installed.bearing("optimizer", "adam") else "sgd")
    assert printed["schedule"] == "cosine"
    assert printed["train"]["loss"]["values"] == list(expected.train["loss"].values)


def test_json_has_the_figures_of_the_same_training_from_python(minidl):
    ran = minidl("train", "disk(n=100)", "--model", NETWORK, "--epochs", 3, "--rounds", 4, "--seed", 7, "--json")
    printed = ran.json()
    expected = minidl_core.train(NETWORK, "disk(n=100)", epochs=3, rounds=4, seed=7)
    assert printed["model"] == "linear(2,8)-tanh-linear(8,2)"
    assert (printed["rounds"], printed["epochs"], printed["seeds"]) == (4, 3, [7, 8, 9, 10])
    for part, figures in ("train", expected.train), ("test", expected.test):
        for metric, figure in figures.items():
            assert printed[part][metric]["values"] == list(figure.values)
            assert printed[part][metric]["mean"] == pytest.approx(torch.tensor(figure.values).double().mean().item())
            assert printed[part][metric]["std"] == pytest.approx(torch.tensor(figure.values).double().std().item())
    assert printed["seconds"] > 0
    assert Path(printed["out"], "model.safetensors").is_file()


def test_what_stops_and_steers_a_training_is_asked_for_and_told(minidl):
    options = {"schedule": "cosine(final=0.1)", "clip_norm": 0.5, "l1": 1e-4, "l2": 1e-3, "patience": 3}
    flags = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    common = ["train", IRIS, "--target", "species", "--model", NETWORK, "--rounds", 2, "--seed", 4, *flags]
    printed = minidl(*common, "--json").json()
    expected = minidl_core.train(NETWORK, str(IRIS), target="species", rounds=2, seed=4, **options)
    assert printed["schedule"] == "cosine(final=0.1)"
    assert printed["best_epochs"] == list(expected.best_epochs)
    assert printed["validation"]["loss"]["values"] == list(expected.validation["loss"].values)
    assert printed["test"]["loss"]["values"] == list(expected.test["loss"].values)
    ran = minidl(*common)
    first, last = min(expected.best_epochs), max(expected.best_epochs)
    assert "96 rows to train on, 24 to validate on, 30 to test on" in ran.out
    assert "schedule   cosine(final=0.1)\n" in ran.out
    assert (f"best       epochs {first} to {last}, by round\n" if first < last else f"epoch {first}\n") in ran.out
    assert ran.out.split("\n\n")[1].split()[:3] == ["TRAIN", "VALIDATION", "TEST"]


def test_each_of_them_changes_the_training(minidl):
    common = ["train", "disk(n=50)", "--model", NETWORK, "--epochs", 5, "--json"]
    flags = ["--schedule", "step(step_size=1)"], ["--clip-norm", 1e-3], ["--l1", 0.1], ["--l2", 0.1]
    losses = [minidl(*common, *one).json()["train"]["loss"]["mean"] for one in ([], *flags)]
    assert len(set(losses)) == 5


def test_progress_and_warnings_stay_out_of_a_pipe(minidl):
    ran = minidl("train", "disk(n=50)", "--model", NETWORK, "--epochs", 2, "--json")
    assert ran.json()
    assert ran.err == ""


def test_a_table_of_classes_learns_its_classes_and_holds_a_fifth_out(minidl):
    options = ["--model", NETWORK, "--loss", "mse", "--optimizer", "sgd", "--epochs", 30]
    ran = minidl("train", IRIS, "--target", "species", *options, "--out", "iris")
    trained = load_model("iris")
    assert ran.code == 0
    assert f"data       {IRIS}: 120 rows to train on, 30 to test on\n" in ran.out
    lengths = "sepal length (cm), sepal width (cm), petal length (cm), petal width (cm)"
    assert f"columns    4 numbers: {lengths}\n" in ran.out
    assert "target     species, 3 classes: setosa, versicolor, virginica\n" in ran.out
    assert trained.classes == ("setosa", "versicolor", "virginica")
    assert minidl("evaluate", "iris", IRIS, "--json").json()["metrics"]["accuracy"]["mean"] > 0.8


def test_a_table_of_values_is_learned_as_regression(minidl):
    ran = minidl("train", DATA / "diabetes.csv", "--target", "progression", "--model", NETWORK, "--json")
    assert ran.json()["test"]["r2"]["mean"] > 0.2


def test_whole_numbers_are_classes_unless_the_task_says_otherwise(minidl):
    Path("t.csv").write_text("a,b\n" + "".join(f"{i},{i % 5}\n" for i in range(40)))
    as_classes = minidl("train", "t.csv", "--target", "b", "--model", NETWORK, "--epochs", 1, "--json")
    as_values = minidl(
        "train", "t.csv", "--target", "b", "--model", NETWORK, "--epochs", 1, "--json", "--task", "regression"
    )
    assert "accuracy" in as_classes.json()["test"]
    assert "r2" in as_values.json()["test"]


def test_a_test_file_is_tested_on_and_all_of_the_other_trained_on(minidl):
    rows = IRIS.read_text().splitlines()
    Path("a.csv").write_text("\n".join([rows[0], *rows[1::2]]))
    Path("b.csv").write_text("\n".join([rows[0], *rows[2::2]]))
    ran = minidl("train", "a.csv", "--test", "b.csv", "--target", "species", "--model", NETWORK, "--epochs", 30)
    assert "75 rows to train on, 75 to test on" in ran.out


def test_no_test_part_where_none_is_wanted(minidl):
    ran = minidl(
        "train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 1, "--test-fraction", 0, "--json"
    )
    assert ran.json()["test"] is None


def test_float64_and_threads_can_be_asked_for(minidl):
    arguments = ("train", "disk(n=50)", "--model", NETWORK, "--epochs", 1, "--out", "double")
    assert minidl(*arguments, "--dtype", "float64", "--threads", 2).code == 0
    assert load_model("double").model.parameters.values.dtype == torch.float64


def test_evaluate_repeats_the_figures_that_train_printed(minidl):
    rows = IRIS.read_text().splitlines()
    Path("a.csv").write_text("\n".join([rows[0], *rows[1::2]]))
    Path("b.csv").write_text("\n".join([rows[0], *rows[2::2]]))
    trained = minidl(
        *("train", "a.csv", "--test", "b.csv", "--target", "species", "--model", NETWORK, "--rounds", 3),
        *("--out", "out", "--json"),
    ).json()
    for file, part in ("a.csv", "train"), ("b.csv", "test"):
        evaluated = minidl("evaluate", "out/model.safetensors", file, "--json").json()["metrics"]
        assert evaluated == trained[part]


def test_evaluate_takes_columns_in_any_order_and_more_than_it_needs(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--out", "out")
    with IRIS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Path("shuffled.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["note", *reversed(rows[0])])
        writer.writeheader()
        writer.writerows([{**row, "note": "text"} for row in rows])
    straight, shuffled = (minidl("evaluate", "out", file, "--json").json() for file in (IRIS, "shuffled.csv"))
    assert straight == shuffled


def test_evaluate_draws_a_sample_of_a_dataset(minidl):
    minidl("train", "disk", "--model", NETWORK, "--optimizer", "sgd(lr=0.5)", "--epochs", 300, "--out", "out")
    ran = minidl("evaluate", "out", "disk(n=500)", "--json").json()
    assert ran["rows"] == 500
    assert ran["metrics"]["accuracy"]["mean"] > 0.8


def test_predict_adds_the_classes_to_the_rows(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 100, "--rounds", 2, "--out", "out")
    ran = minidl("predict", "out", IRIS)
    rows = list(csv.DictReader(ran.out.splitlines()))
    right = sum(row["species"] == row["predicted species"] for row in rows)
    assert ran.code == 0
    assert len(rows) == 150
    assert right > 120


def test_predict_needs_no_target_and_writes_values_in_their_own_units(minidl):
    diabetes = DATA / "diabetes.csv"
    minidl("train", diabetes, "--target", "progression", "--model", NETWORK, "--out", "out")
    lines = [line.rpartition(",")[0] for line in diabetes.read_text().splitlines()]
    Path("new.csv").write_text("\n".join(lines))
    ran = minidl("predict", "out", "new.csv", "-o", "predicted.csv")
    with Path("predicted.csv").open(newline="") as file:
        values = [float(row["predicted progression"]) for row in csv.DictReader(file)]
    assert (ran.code, ran.out) == (0, "")
    assert 100 < sum(values) / len(values) < 200


def test_predict_overwrites_nothing(minidl):
    minidl("train", IRIS, "--target", "species", "--model", NETWORK, "--epochs", 1, "--out", "out")
    Path("p.csv").write_text("mine")
    ran = minidl("predict", "out", IRIS, "-o", "p.csv")
    assert (ran.code, Path("p.csv").read_text()) == (2, "mine")


def test_a_column_of_very_many_whole_numbers_is_hinted_to_be_values(minidl):
    Path("t.csv").write_text("a,b\n" + "".join(f"{i},{i % 30}\n" for i in range(90)))
    arguments = ("train", "t.csv", "--target", "b", "--model", NETWORK, "--epochs", 1)
    assert "30 classes; --task regression predicts their value" in minidl(*arguments).err
    assert minidl(*arguments, "--task", "classification").err == ""


def test_what_ails_a_training_is_told_on_standard_error_under_the_spec(minidl):
    model = "linear(2,4)-sigmoid-linear(4,4,init=normal(mean=-99))-relu-linear(4,2)"
    ran = minidl("train", "disk(n=50)", "--model", model, "--epochs", 2, "--rounds", 2, "--json", "--quiet")
    assert ran.code == 0
    assert ran.json()["epochs"] == 2
    said, shown, pointed = ran.err.splitlines()
    assert said == (
        "minidl: after epoch 1: this relu is dead: it gives 0 for all rows of a sample, and no gradient passes "
        "(in all 2 rounds)"
    )
    assert shown == f"  {model}"
    assert pointed.startswith(" " * (2 + model.index("relu")) + "^^^^  try a smaller learning rate, or ")


def test_a_training_that_diverges_shows_the_layer_that_does(minidl):
    ran = minidl("train", "disk(n=50)", "--model", "linear(2,4)-relu-linear(4,2)", "--optimizer", "sgd(lr=1e30)")
    assert ran.code == 1
    said, why, shown, pointed = ran.err.splitlines()
    assert said.startswith("minidl: the loss became ")
    assert why.startswith("with the weights that it keeps: one more step would change the weights of this linear by ")
    assert shown == "  linear(2,4)-relu-linear(4,2)"
    assert pointed.strip() == "^^^^^^^^^^^  try a smaller learning rate, or a clip_norm"
