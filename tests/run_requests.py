"""Trainings of every kind that can be asked for, each small, of files in the present folder."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "linear(_,6)-tanh-linear(6,_)"
ROWS = 60


def write_table(path: str, rows: int = ROWS, seed: int = 0) -> None:
    """A table with columns of every kind."""
    drawn = random.Random(seed)
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["a", "b", "colour", "gap", "level", "weight", "part", "who", "day", "kind", "value", "other value", "note"]
        )
        for number in range(rows):
            a, b = drawn.uniform(-1, 1), drawn.gauss(0, 1)
            table.writerow(
                [
                    *(f"{a:.4f}", f"{b:.4f}", drawn.choice(["red", "green", "blue"])),
                    "" if drawn.random() < 0.2 else f"{drawn.uniform(0, 9):.3f}",
                    drawn.randrange(3),
                    *(f"{drawn.uniform(0.5, 2):.2f}", ["train", "train", "validation", "test"][number % 4]),
                    *(f"group {number % 7}", f"2025-{1 + number // 28:02}-{1 + number % 28:02}"),
                    *("yes" if a + b > 0 else "no", f"{a * b:.4f}", f"{a - b:.4f}", f"note {number}"),
                ]
            )


def write_arrays(path: str) -> None:
    drawn = np.random.default_rng(0)
    features = drawn.normal(size=(ROWS, 3))
    np.save(path, np.concatenate([features, features.sum(1, keepdims=True) > 0], 1))


def _table() -> None:
    write_table("table.csv")


def _two_tables() -> None:
    write_table("table.csv")
    write_table("other.csv", rows=20, seed=1)


CLASSES = {"data": "table.csv", "target": "kind", "features": "a,b"}
VALUES = {"data": "table.csv", "target": "value", "features": "a,b"}

KINDS: dict[str, tuple[Callable[[], None], dict[str, Any]]] = {
    "dataset": (lambda: None, {"data": "disk(n=40)", "seed": 3}),
    "dataset with patience": (lambda: None, {"data": "disk(n=40)", "patience": 1, "rounds": 2}),
    "everything": (
        _table,
        {
            "data": "table.csv",
            "target": "kind",
            "features": ["a", "b,colour", "gap"],
            "missing": "median",
            "weight": "weight",
            "class_weight": "balanced",
            "scaling": "min_max",
            "task": "classification",
            "test_fraction": 0.25,
            "validation_fraction": 0.3,
            "rounds": 2,
            "seed": 5,
        },
    ),
    "rows left out": (
        _table,
        {"data": "table.csv", "target": "value", "drop": "weight,part,who,day,note", "missing": "drop", "rounds": 2},
    ),
    "folds": (_table, {**CLASSES, "folds": 3}),
    "folds of groups": (_table, {**CLASSES, "folds": 3, "group": "who", "patience": 2}),
    "groups": (_table, {**CLASSES, "group": "who", "rounds": 2, "validation_fraction": 0.2}),
    "time": (_table, {**VALUES, "time": "day", "validation_fraction": 0.2}),
    "a column of parts": (_table, {**CLASSES, "split": "part", "rounds": 2}),
    "a test file": (_two_tables, {**CLASSES, "test": "other.csv", "rounds": 2}),
    "a validation file": (_two_tables, {**VALUES, "validation": "other.csv", "patience": 2, "rounds": 2}),
    "patience": (
        _table,
        {**CLASSES, "patience": 1, "rounds": 3, "optimizer": "sgd(lr=0.5)", "schedule": "constant", "epochs": 8},
    ),
    "patience by the training loss": (_table, {**CLASSES, "patience": 2, "validation_fraction": 0.0}),
    "several targets": (_table, {**VALUES, "target": ["value", "other value"], "metrics": ["mae"]}),
    "metrics": (_table, {**CLASSES, "metrics": ["f1", "confusion_matrix", "roc_auc"], "rounds": 2}),
    "numbers as categories": (
        _table,
        {**CLASSES, "features": "a,b,gap,level", "categorical": "level", "missing": "mean"},
    ),
    "a mapped file": (
        lambda: write_arrays("table.npy"),
        {"data": "table.npy", "target": "3", "task": "classification", "rounds": 2},
    ),
    "float64": (_table, {**VALUES, "dtype": "float64", "loss": "mse", "clip_norm": 0.5, "l1": 1e-4, "l2": 1e-3}),
    "one split": (_table, {**CLASSES, "rounds": 3, "resplit": False}),
    "no capture": (
        _table,
        {**CLASSES, "capture": False, "optimizer": "sgd(lr=9)", "schedule": "reduce_on_plateau(patience=0)"},
    ),
}


def request(kind: str) -> dict[str, Any]:
    """Arguments for `train` of this kind, with its files written."""
    write, asked = KINDS[kind]
    write()
    return {"model": MODEL, "epochs": 4, "batch_size": 16, **asked}


class Stop:
    """After so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0
