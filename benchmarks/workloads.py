"""What is trained: networks, data, batches and epochs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """One network, the data it learns, and how. A round is a training of its own data, weights and batches."""

    name: str
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    """One between each two linear layers."""
    loss: str
    optimizer: str
    lr: float
    data: str
    """`disk`, `digits`, or `random`: normal features, and the classes of a random linear map."""
    rows: int
    batch_size: int
    epochs: int
    rounds: int = 1

    @property
    def spec(self) -> str:
        """The network as minidl writes it."""
        linears = [f"linear({a},{b})" for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        pairs = zip(linears, self.activations, strict=False)
        return "-".join([text for pair in pairs for text in pair] + linears[-1:])

    @property
    def batch_rows(self) -> list[int]:
        """The rows of each batch of an epoch; the last has what is left."""
        return [min(self.batch_size, self.rows - start) for start in range(0, self.rows, self.batch_size)]

    @property
    def steps(self) -> int:
        """Steps of the whole training, each of all rounds."""
        return self.epochs * len(self.batch_rows)

    @property
    def operations(self) -> int:
        """Multiplications and additions of all matrix products of the whole training.

        A linear layer has one product forward and one for its weights' gradient; all but the first have a third, for
        the gradient of their inputs.
        """
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2 * (3 * sum(products) - products[0]) * self.rows * self.epochs * self.rounds

    def shorter(self, factor: int) -> Workload:
        """The same with fewer epochs."""
        return dataclasses.replace(self, epochs=max(1, self.epochs // factor))


REPORT = Workload(
    name="report, batch 100",
    sizes=(2, 25, 25, 25, 2),
    activations=("relu", "tanh", "sigmoid"),
    loss="mse",
    optimizer="sgd",
    lr=0.1,
    data="disk",
    rows=1000,
    batch_size=100,
    epochs=300,
)


def report(batch_size: int, epochs: int, rounds: int = 1) -> Workload:
    """The network of the course report that minidl grew out of."""
    name = f"report, batch {batch_size}" if rounds == 1 else f"report, {rounds} rounds, batch {batch_size}"
    return dataclasses.replace(REPORT, name=name, batch_size=batch_size, epochs=epochs, rounds=rounds)


def classes(name: str, sizes: tuple[int, ...], rows: int, batch_size: int, epochs: int) -> Workload:
    """A network of ReLUs for ten classes, cross entropy, Adam."""
    activations = ("relu",) * (len(sizes) - 2)
    data = "digits" if sizes[0] == 64 else "random"
    return Workload(name, sizes, activations, "cross_entropy", "adam", 1e-3, data, rows, batch_size, epochs)


DIGITS = classes("digits 64-128-10, batch 32", (64, 128, 10), rows=1797, batch_size=32, epochs=30)
MEDIUM = classes("784-256-256-10, batch 128", (784, 256, 256, 10), rows=12_800, batch_size=128, epochs=4)
LARGE = classes("784-1024-1024-10, batch 256", (784, 1024, 1024, 10), rows=5120, batch_size=256, epochs=8)
WIDE = classes("wide table 1000-64-10, batch 100", (1000, 64, 10), rows=5000, batch_size=100, epochs=10)

WORKLOADS = (
    report(10, epochs=40),
    report(50, epochs=200),
    report(100, epochs=400),
    report(1000, epochs=1000),
    report(10, epochs=30, rounds=10),
    report(100, epochs=100, rounds=10),
    report(10, epochs=5, rounds=100),
    report(100, epochs=10, rounds=100),
    DIGITS,
    MEDIUM,
    LARGE,
    WIDE,
)


def of_width(width: int) -> Workload:
    """Two hidden layers of a width."""
    return Workload(
        name=f"width {width}",
        sizes=(64, width, width, 10),
        activations=("relu", "relu"),
        loss="cross_entropy",
        optimizer="sgd",
        lr=0.01,
        data="random",
        rows=1000,
        batch_size=100,
        epochs=max(1, min(100, 8192 // width)),
    )


def of_rows(rows: int) -> Workload:
    """The report's network on a table of so many rows."""
    return dataclasses.replace(REPORT, name=f"{rows} rows", rows=rows, epochs=max(1, 100_000 // rows))


def of_rounds(rounds: int) -> Workload:
    """The report's network in so many rounds."""
    return report(10, max(1, 20 // rounds), rounds)


GROWTH = {
    "rounds": {rounds: of_rounds(rounds) for rounds in (1, 3, 10, 30, 100, 300, 1000)},
    "width": {width: of_width(width) for width in (8, 32, 128, 512, 2048)},
    "rows": {rows: of_rows(rows) for rows in (1000, 10_000, 100_000, 1_000_000)},
}
"""What grows, its sizes, and the workload of each."""
