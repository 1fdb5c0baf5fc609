"""`run.json`: what was asked for with every default filled in, with what it was made, and what came of it."""

from __future__ import annotations

import math
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from run_folders import PARTS, run_json
from run_requests import MODEL, Stop, request, write_table

import minidl_core
from minidl_core.errors import DivergedError
from minidl_core.plugins import registry

pytestmark = pytest.mark.usefixtures("no_reports")


def recorded(**asked: Any) -> dict[str, Any]:
    minidl_core.train(**{"model": MODEL, "data": "disk(n=40)", "epochs": 1, **asked}, out="run")
    return run_json("run")


def test_defaults_are_filled_in() -> None:
    found = recorded(model=None)["request"]
    has_adam = registry().bearing("optimizer", "adam")
    has_cross_entropy = registry().bearing("loss", "cross_entropy")
    expected = {
        "model": "linear(2,32)-relu-linear(32,32)-relu-linear(32,2)",
        "loss": "cross_entropy" if has_cross_entropy else "mse",
        "optimizer": "adam" if has_adam else "sgd",
        "schedule": "cosine",
        "rounds": 1,
        "seed": 0,
        "threads": 1,
        "batch_size": 32,
        "test_fraction": None,
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("asked", "filled"),
    [
        ({}, {"test_fraction": 0.2, "validation_fraction": None, "task": "classification"}),
        ({"patience": 3}, {"test_fraction": 0.2, "validation_fraction": 0.2}),
        ({"patience": 3, "validation_fraction": 0.0}, {"validation_fraction": 0.0}),
        ({"folds": 3}, {"test_fraction": None, "rounds": 3, "folds": 3}),
        ({"split": "part"}, {"test_fraction": None, "validation_fraction": None}),
        ({"test": "table.csv"}, {"test_fraction": None}),
        ({"validation": "table.csv", "patience": 3}, {"validation_fraction": None}),
        ({"optimizer": "sgd(lr=0.5)"}, {"optimizer": "sgd(lr=0.5)", "schedule": "constant"}),
        ({"target": "value"}, {"task": "regression", "target": ["value"]}),
        ({"features": ("a", "b")}, {"features": ["a", "b"]}),
        ({"features": np.array(["a", "b"])}, {"features": ["a", "b"]}),
        ({"metrics": ("f1",), "l1": np.float32(0.5)}, {"metrics": ["f1"], "l1": 0.5}),
        ({"seed": np.int64(4), "rounds": 2}, {"seed": 4, "rounds": 2}),
    ],
)
def test_what_is_left_open_for_a_table(asked: dict[str, Any], filled: dict[str, Any]) -> None:
    write_table("table.csv")
    found = recorded(**{"data": Path("table.csv"), "target": "kind", "features": "a,b", **asked})["request"]
    assert {name: found[name] for name in filled} == filled
    assert found["data"] == "table.csv"


def test_what_it_was_made_with() -> None:
    found = recorded(rounds=2, seed=3)
    assert found["seeds"] == [3, 4]
    assert found["working_directory"] == str(Path.cwd())
    expected = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    assert found["versions"].items() >= expected.items()
    assert found["versions"]["minidl-core"] == metadata.version("minidl-core")
    named = {(one["kind"], one["name"]) for one in found["providers"]}
    assert {("dataset", "disk"), ("layer", "linear"), ("layer", "tanh")} < named
    assert all(one["version"] for one in found["providers"])
    assert found["data"]["rows"]["train"] == found["data"]["rows"]["test"]


def test_what_came_of_it() -> None:
    training = minidl_core.train(**request("patience"), out="run")
    found = run_json("run")
    assert (found["state"], found["epochs"], found["problem"]) == ("done", training.epochs, "")
    assert found["best_epochs"] == list(training.best_epochs or ())
    for part in PARTS:
        figures = getattr(training, part)
        assert found["figures"][part].keys() == figures.keys()
        assert found["figures"][part]["loss"]["values"] == list(figures["loss"].values)


def test_a_diverged_run_is_json_all_the_same() -> None:
    with pytest.raises(DivergedError) as raised:
        recorded(model="linear(_,8)-relu-linear(8,_)", optimizer="sgd(lr=1e30)", epochs=5)
    found = run_json("run")
    loss = raised.value.training.train["loss"].values[0]
    assert found["figures"]["train"]["loss"]["values"] == [loss if math.isfinite(loss) else None]
    assert found["state"] == "diverged"


def test_what_was_told_is_kept() -> None:
    model = "linear(2,4)-sigmoid-linear(4,4,init=normal(mean=-99))-relu-linear(4,2)"
    [told] = recorded(model=model, epochs=2)["warnings"]
    assert told.startswith("after epoch 1: this relu is dead")


def test_an_interrupted_run_says_so() -> None:
    found = recorded(epochs=5, batch_size=10, stop=Stop(6))
    assert (found["state"], found["epochs"]) == ("interrupted", 1)


def hash_of(**asked: Any) -> str:
    minidl_core.train(MODEL, **{"target": "kind", "features": "a,b,colour", **asked}, epochs=1, out="hashed")
    found: str = run_json("hashed")["data"]["sha256"]
    shutil.rmtree("hashed")
    return found


def test_the_hash_is_that_of_what_is_learned_from_in_whatever_kind_of_file() -> None:
    write_table("table.csv")
    frame = pl.read_csv("table.csv", infer_schema_length=None)
    frame.write_parquet("table.parquet")
    frame.write_ndjson("table.jsonl")
    frame.with_columns(note=pl.lit("other")).write_csv("other note.csv")
    frame.with_columns(value=pl.when(pl.int_range(pl.len()) == 30).then(0.125).otherwise("value")).write_csv(
        "target.csv"
    )
    frame.with_columns(a=pl.when(pl.int_range(pl.len()) == 30).then(0.125).otherwise("a")).write_csv("other a.csv")
    expected = hash_of(data="table.csv")
    for same in "table.parquet", "table.jsonl", "other note.csv":
        assert hash_of(data=same) == expected
    assert hash_of(data=frame) == expected
    for other in {"data": "other a.csv"}, {"features": "a,b"}, {"target": "value"}, {"seed": 1}, {"rounds": 2}:
        assert hash_of(**{"data": "table.csv", **other}) != expected
    assert hash_of(data="table.csv", weight="weight") != expected
    assert hash_of(data="table.csv", target="value") != hash_of(data="target.csv", target="value")
    assert hash_of(data="table.csv", test="table.csv") != expected
