"""The tables of examples/data: minidl with nothing but a target, beside scikit-learn's MLP on the same splits.

`make compare`, or `python benchmarks/against_sklearn.py --seed 0`. scikit-learn keeps its defaults too (100 hidden
units), in a pipeline that standardizes features, and a numeric target, by the training part.

The rounds are taken in groups of five too: in how many groups is the mean of minidl more than a point (0.01 of
accuracy, 0.02 of R²) behind that of scikit-learn? What of that is chance says scikit-learn beside itself, with other
first weights, and with others once more: `--rounds 200` has 40 groups.
"""

from __future__ import annotations

import argparse
import statistics
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
GROUP = 5
OTHER_WEIGHTS = (10_000, 20_000)
"""Added to the seeds of scikit-learn's first weights and batches."""
TABLES = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}


def minidl_training(table: str, rounds: int, seed: int) -> Training:
    return minidl_core.train(None, DATA / f"{table}.csv", target=TABLES[table], rounds=rounds, seed=seed)


def sklearn_score(table: Table, rounds: int, seed: int, weights: int = 0) -> Statistics:
    """Accuracy, or R², on the rows that minidl holds out for test.

    Args:
        weights: added to the seed of what scikit-learn draws.
    """
    scores = []
    seeds = [seed + number for number in range(rounds)]
    for own, split in zip(seeds, splits(table, Splitting(), seeds), strict=True):
        if table.classes is None:
            mlp = TransformedTargetRegressor(MLPRegressor(random_state=own + weights), transformer=StandardScaler())
        else:
            mlp = MLPClassifier(random_state=own + weights)
        pipeline = make_pipeline(StandardScaler(), mlp)
        target = table.target if table.classes else table.target.squeeze(-1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline.fit(table.features[split.train].numpy(), target[split.train].numpy())
        scores.append(float(pipeline.score(table.features[split.test].numpy(), target[split.test].numpy())))
    return Statistics(tuple(scores))


def read(table: str) -> Table:
    found = read_table(DATA / f"{table}.csv", TABLES[table])
    assert isinstance(found, Table)
    return found


def compare(table: str, rounds: int, seed: int) -> tuple[Training, Statistics, Statistics]:
    """What minidl trained, and the test scores of minidl and of scikit-learn."""
    training = minidl_training(table, rounds, seed)
    assert training.test is not None
    ours = training.test["accuracy" if training.trained.classes else "r2"]
    assert isinstance(ours, Statistics)
    return training, ours, sklearn_score(read(table), rounds, seed)


def groups_behind(ours: Statistics, theirs: Statistics, allowed: float) -> str:
    """In how many groups of rounds the first is behind by more than is allowed: `2 of 20`."""
    differences = [a - b for a, b in zip(ours.values, theirs.values, strict=True)]
    groups = [differences[start : start + GROUP] for start in range(0, len(differences), GROUP)]
    behind = [group for group in groups if statistics.fmean(group) < -allowed - 1e-9]
    return f"{len(behind)} of {len(groups)}"


HEADINGS = ("TABLE", "TEST", "MODEL", "MINIDL", "SCIKIT-LEARN", "DIFFERENCE", "GROUPS BEHIND", "SCIKIT-LEARN'S OWN")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(TABLES), metavar="TABLE", help=f"Of {', '.join(TABLES)}.")
    parser.add_argument("--rounds", type=int, default=GROUP, help="Each with a split of its own.")
    parser.add_argument("--seed", type=int, default=0, help="Of the first round.")
    asked = parser.parse_args()
    rows = []
    for table in asked.tables:
        training, ours, theirs = compare(table, asked.rounds, asked.seed)
        others = [sklearn_score(read(table), asked.rounds, asked.seed, weights) for weights in OTHER_WEIGHTS]
        metric, point = ("accuracy", 0.01) if training.trained.classes else ("R²", 0.02)
        own = " and ".join(groups_behind(scores, theirs, point) for scores in others)
        difference = f"{ours.mean - theirs.mean:+.3f}"
        behind = groups_behind(ours, theirs, point)
        rows.append((table, metric, training.trained.model, ours, theirs, difference, behind, own))
    print_table(HEADINGS, rows)


if __name__ == "__main__":
    main()
