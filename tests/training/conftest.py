"""The report's network, and small trained models."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from minidl_core.data import Table, numeric
from minidl_core.runs import train
from minidl_core.seeding import generator
from minidl_core.training import Training

TableOf = Callable[..., Table]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these lose by more, and lose much where tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def report_model() -> str:
    """Table I of the report."""
    return "linear(2,25)-relu-linear(25,25)-tanh-linear(25,25)-sigmoid-linear(25,2)"


@pytest.fixture(scope="session")
def table_of() -> TableOf:
    """A table of random features, with classes that depend on them, or with a value where there are no classes."""

    def table(rows: int = 60, features: int = 3, classes: tuple[str, ...] | None = ("a", "b", "c")) -> Table:
        x = torch.randn(rows, features, dtype=torch.float64, generator=generator(0, "table"))
        x = x * torch.arange(1, features + 1) + 10
        names = tuple(f"x{i}" for i in range(features))
        if classes is None:
            return Table(x, 100 + x.sum(-1, keepdim=True), numeric(*names), ("value",), None)
        return Table(x, (x[:, 0] * 7).long() % len(classes), numeric(*names), ("class",), classes)

    return table


KINDS = {
    "classes": ("linear(_,4)-tanh-linear(4,_)", ("a", "b", "c"), 1),
    "two classes of one output": ("linear(_,4)-relu-linear(4,1)", ("no", "yes"), 1),
    "values": ("linear(_,4)-sigmoid-linear(4,_)", None, 1),
    "rounds of classes": ("linear(_,4)-tanh-linear(4,_)", ("a", "b", "c"), 3),
    "rounds of values": ("hidden:(linear(_,4)-tanh)-linear(4,_,bias=false)", None, 3),
}


@pytest.fixture(scope="session", params=KINDS)
def training(request: pytest.FixtureRequest, table_of: TableOf) -> Training:
    """A short training of each kind, whatever plugins are installed."""
    model, classes, rounds = KINDS[request.param]
    options = {"loss": "mse", "optimizer": "sgd", "epochs": 3, "batch_size": 16, "rounds": rounds, "seed": 5}
    return train(model, table_of(classes=classes), **options)
