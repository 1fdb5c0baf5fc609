"""A million rows of twenty columns: `python -m benchmarks.large_table`.

From the shell to the end of one epoch, minidl, beside polars reading the file alone, and beside pandas and scikit-learn
doing the same: a split, standardized and one-hot features, an MLP of the same layers, one epoch of the same batches,
accuracy on the rows of both parts. In turn, each a process of its own; wall time and peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from minidl_core.cli.output import print_table

HIDDEN = (32, 32)
BATCH_SIZE = 32

POLARS = "import polars; polars.read_csv('table.csv')"
MINIDL = f"""
from minidl_core.cli.main import main
import sys
sys.argv = ["minidl", "train", "table.csv", "--target", "y", "--epochs", "1", "--batch-size", "{BATCH_SIZE}", "--quiet"]
main()
"""
SKLEARN = f"""
import warnings
import pandas
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
warnings.simplefilter("ignore", ConvergenceWarning)
table = pandas.read_csv("table.csv")
target = table.pop("y")
parts = train_test_split(table, target, test_size=0.2, stratify=target, random_state=0)
numbers = [name for name in table if name.startswith("x")]
columns = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), ["town"]), remainder="passthrough")
mlp = MLPClassifier({HIDDEN}, batch_size={BATCH_SIZE}, max_iter=1, random_state=0)
model = make_pipeline(columns, mlp).fit(parts[0], parts[2])
print(model.score(parts[0], parts[2]), model.score(parts[1], parts[3]))
"""
WORKS = {"polars reads it": POLARS, "minidl train": MINIDL, "pandas and scikit-learn": SKLEARN}


def write_table(path: Path, rows: int) -> None:
    """Seventeen columns of numbers, one of texts, one of booleans, and two classes."""
    random = np.random.default_rng(0)
    columns = {f"x{number}": random.normal(size=rows).round(4) for number in range(17)}
    noise = 0.3 * random.normal(size=rows)
    label = columns["x0"] * columns["x1"] + noise > 0
    others = {
        "town": np.array(["Bern", "Chur", "Genf", "Sion"])[random.integers(0, 4, rows)],
        "member": random.integers(0, 2, rows).astype(bool),
        "y": np.where(label, "yes", "no"),
    }
    pl.DataFrame(columns | others).write_csv(path)


def measured(code: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of a process."""
    start = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", f"import os; os.chdir({str(folder)!r})\n{code}"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(folder / "out"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"a process ended with status {status}:\n{code}")
    return time.perf_counter() - start, _mebibytes(usage)


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WORKS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "table.csv", asked.rows)
        size = (folder / "table.csv").stat().st_size / 2**20
        for _ in range(asked.turns):
            for work, code in WORKS.items():
                found[work].append(measured(code, folder))
    print(f"{asked.rows:,} rows of 20 columns, {size:.0f} MiB of CSV; medians of {asked.turns} turns\n")
    rows = []
    for work, pairs in found.items():
        seconds, memory = ([pair[index] for pair in pairs] for index in (0, 1))
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        rows.append((work, f"{statistics.median(seconds):.1f}", spread, f"{statistics.median(memory):.0f}"))
    print_table(("", "SECONDS", "LOWEST TO HIGHEST", "PEAK MIB"), rows, right=("SECONDS", "PEAK MIB"))


if __name__ == "__main__":
    main()
