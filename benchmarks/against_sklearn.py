"""The tables of examples/data: minidl with nothing but a target, beside scikit-learn's MLP on the same splits.

`make compare`, or `python benchmarks/against_sklearn.py --seed 0`. scikit-learn keeps its defaults too (100 hidden
units), in a pipeline that standardizes features, and a numeric target, by the training part.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minidl_core
from minidl_core.cli.output import print_table
from minidl_core.data import Table, read_table
from minidl_core.data.splits import Splitting, splits
from minidl_core.training import Statistics, Training

DATA = Path(__file__).parents[1] / "examples" / "data"
TABLES = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}


def minidl_training(table: str, rounds: int, seed: int) -> Training:
    return minidl_core.train(None, DATA / f"{table}.csv", target=TABLES[table], rounds=rounds, seed=seed)


def sklearn_score(table: Table, rounds: int, seed: int) -> Statistics:
    """Accuracy, or R², on the rows that minidl holds out for test."""
    scores = []
    seeds = [seed + number for number in range(rounds)]
    for own, split in zip(seeds, splits(table, Splitting(), seeds), strict=True):
        if table.classes is None:
            mlp = TransformedTargetRegressor(MLPRegressor(random_state=own), transformer=StandardScaler())
        else:
            mlp = MLPClassifier(random_state=own)
        pipeline = make_pipeline(StandardScaler(), mlp)
        target = table.target if table.classes else table.target.squeeze(-1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline.fit(table.features[split.train].numpy(), target[split.train].numpy())
        scores.append(float(pipeline.score(table.features[split.test].numpy(), target[split.test].numpy())))
    return Statistics(tuple(scores))


def compare(table: str, rounds: int, seed: int) -> tuple[Training, Statistics, Statistics]:
    """What minidl trained, and the test scores of minidl and of scikit-learn."""
    training = minidl_training(table, rounds, seed)
    assert training.test is not None
    read = read_table(DATA / f"{table}.csv", TABLES[table])
    assert isinstance(read, Table)
    ours = training.test["accuracy" if read.classes else "r2"]
    assert isinstance(ours, Statistics)
    return training, ours, sklearn_score(read, rounds, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="Each with a split of its own.")
    parser.add_argument("--seed", type=int, default=0, help="Of the first round.")
    asked = parser.parse_args()
    rows = []
    for table in TABLES:
        training, ours, theirs = compare(table, asked.rounds, asked.seed)
        metric = "accuracy" if training.trained.classes else "R²"
        rows.append((table, metric, training.trained.model, ours, theirs, f"{ours.mean - theirs.mean:+.3f}"))
    print_table(("TABLE", "TEST", "MODEL", "MINIDL", "SCIKIT-LEARN", "DIFFERENCE"), rows)


if __name__ == "__main__":
    main()
