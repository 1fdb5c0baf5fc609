"""What the tests of pictures share: trainings with components of the core alone, tables, and what stands in an SVG."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import polars

import minidl_core
from minidl_core.pictures import Picture
from minidl_core.training import Training

HOSTILE = (
    "<script>alert(1)</script>",
    "$\\frac{a}{$ $x^2$",
    "a & b]]>",
    "--><!--",
    "x" * 80,
    "温度 🌡 ℃",
    "tab\tand\nline",
    "\x01\u202eright",
    '"quoted" id="x" {{ 7*7 }} {% raw %}',
)


def trained(data: Any, **options: Any) -> Training:
    asked = {"model": "linear(_,8)-tanh-linear(8,_)", "loss": "mse", "optimizer": "sgd(lr=0.3)", "epochs": 3} | options
    return minidl_core.train(asked.pop("model"), data, **asked)


def values(rows: int = 60, features: int = 2, targets: int = 1) -> polars.DataFrame:
    """Columns `x0`, ..., and `t0`, ..., each with a scale of its own."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, features))
    columns = {f"x{number}": x[:, number] * 10.0**number for number in range(features)}
    noise = random.normal(size=(targets, rows)) * 0.1
    return polars.DataFrame(
        columns | {f"t{number}": 100.0**number * (x.sum(1) + noise[number]) for number in range(targets)}
    )


def classes(names: list[str], rows: int = 200, features: int = 3) -> polars.DataFrame:
    """Columns `x0`, ..., and `class`, of which the rows of one lie together."""
    random = np.random.default_rng(0)
    label = np.arange(rows) % len(names)
    x = random.normal(size=(len(names), features))[label] * 2 + random.normal(size=(rows, features))
    columns: dict[str, Any] = {f"x{number}": x[:, number] for number in range(features)}
    return polars.DataFrame(columns | {"class": [names[number] for number in label]})


def texts(picture: Picture) -> list[str]:
    """All that is written in it."""
    root = ElementTree.fromstring(picture.svg("page"))
    return [element.text or "" for element in root.iter("text")]
