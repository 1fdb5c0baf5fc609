"""The tables of examples/data: minidl beside scikit-learn's MLP, with the same hidden sizes on the same splits.

`make compare`, or `python benchmarks/against_sklearn.py`. Both standardize with the training part's mean and deviation,
a numeric target too; scikit-learn keeps its defaults but for the sizes and enough iterations to converge.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import minidl_core
from minidl_core.cli.output import print_table
from minidl_core.data import Table, read_table
from minidl_core.data.rounds import split_rows
from minidl_core.training import Statistics

DATA = Path(__file__).parents[1] / "examples" / "data"
ROUNDS = 5
TEST_FRACTION = 0.2


class Work(NamedTuple):
    """One table, and how minidl is asked to learn it."""

    table: str
    target: str
    hidden: int
    loss: str
    epochs: int


WORKS = (
    Work("iris", "species", 16, "cross_entropy", 100),
    Work("wine", "cultivar", 16, "cross_entropy", 60),
    Work("breast_cancer", "diagnosis", 32, "cross_entropy", 40),
    Work("digits", "digit", 64, "cross_entropy", 60),
    Work("diabetes", "progression", 16, "mse", 20),
)


def minidl_score(work: Work, table: Table) -> Statistics:
    """Test accuracy, or R², of minidl in each round."""
    training = minidl_core.train(
        f"linear(_,{work.hidden})-relu-linear({work.hidden},_)",
        table,
        test_fraction=TEST_FRACTION,
        loss=work.loss,
        optimizer="adam(lr=0.003)",
        epochs=work.epochs,
        rounds=ROUNDS,
    )
    assert training.test is not None
    return training.test["r2" if table.classes is None else "accuracy"]


def sklearn_score(work: Work, table: Table) -> Statistics:
    """The same of scikit-learn, on the same rows."""
    scores = []
    for seed in range(ROUNDS):
        train, test = split_rows(table, round(len(table) * TEST_FRACTION), seed)
        options = {"hidden_layer_sizes": (work.hidden,), "max_iter": 1000, "random_state": seed}
        if table.classes is None:
            mlp = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler())
        else:
            mlp = MLPClassifier(**options)
        pipeline = make_pipeline(StandardScaler(), mlp)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline.fit(table.features[train].numpy(), table.target[train].squeeze(-1).numpy())
        scores.append(pipeline.score(table.features[test].numpy(), table.target[test].squeeze(-1).numpy()))
    return Statistics(tuple(map(float, scores)))


def compare(work: Work) -> tuple[Statistics, Statistics]:
    """The scores of minidl and of scikit-learn."""
    table = read_table(str(DATA / f"{work.table}.csv"), work.target)
    return minidl_score(work, table), sklearn_score(work, table)


def main() -> None:
    rows = []
    for work in WORKS:
        ours, theirs = compare(work)
        metric = "R²" if work.loss == "mse" else "accuracy"
        rows.append((work.table, metric, f"{work.hidden}", ours, theirs, f"{ours.mean - theirs.mean:+.3f}"))
    print_table(("TABLE", "TEST", "HIDDEN", "MINIDL", "SCIKIT-LEARN", "DIFFERENCE"), rows)


if __name__ == "__main__":
    main()
