"""Writes the tables beside this file, as scikit-learn ships them: `python examples/data/write_tables.py`."""

from __future__ import annotations

import csv
from pathlib import Path

from sklearn import datasets

TABLES = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "diabetes": "progression",
    "digits": "digit",
}


def main() -> None:
    for name, target in TABLES.items():
        options = {"scaled": False} if name == "diabetes" else {}
        bunch = getattr(datasets, f"load_{name}")(**options)
        classes = getattr(bunch, "target_names", None)
        labels = bunch.target if classes is None else [classes[label] for label in bunch.target]
        with (Path(__file__).parent / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*bunch.feature_names, target])
            writer.writerows([*map(_shortest, row), label] for row, label in zip(bunch.data, labels, strict=True))


def _shortest(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


if __name__ == "__main__":
    main()
