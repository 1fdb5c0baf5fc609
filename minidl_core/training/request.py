"""What a training is asked to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from minidl_core.data.preprocessing import SCALES
from minidl_core.data.reading import Task
from minidl_core.data.toy import Dataset
from minidl_core.errors import RequestError
from minidl_core.losses import Loss
from minidl_core.metrics import Metric
from minidl_core.nn import Sequential
from minidl_core.optim import Optimizer
from minidl_core.schedules import Schedule

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Request:
    """All that a training is asked to be; see `minidl_core.train`. Raises RequestError for what cannot be."""

    model: Sequential | str | None
    data: Any
    target: str | Sequence[str]
    task: Task | None
    features: str | Sequence[str]
    drop: str | Sequence[str]
    categorical: str | Sequence[str]
    missing: str | None
    scaling: str
    weight: str | None
    class_weight: str | None
    test: Any
    test_fraction: float | None
    validation: Any
    validation_fraction: float | None
    split: str | None
    group: str | None
    time: str | None
    folds: int | None
    resplit: bool
    loss: Loss | str | None
    optimizer: Optimizer | str | None
    schedule: Schedule | str | None
    metrics: Sequence[Metric | str]
    clip_norm: float | None
    l1: float
    l2: float
    patience: int | None
    epochs: int
    batch_size: int
    rounds: int | None
    seed: int
    dtype: str
    device: str
    threads: int | None
    capture: bool

    def __post_init__(self) -> None:
        for name in "epochs", "batch_size":
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise RequestError(f"{name} must be a whole number, at least 1, got {value}")
        for name, known in ("dtype", tuple(DTYPES)), ("scaling", SCALES):
            if getattr(self, name) not in known:
                raise RequestError(f"{name} must be one of {', '.join(known)}, got '{getattr(self, name)}'")
        if self.class_weight not in (None, "balanced"):
            raise RequestError(f"class_weight must be 'balanced' or None, got '{self.class_weight}'")

    @property
    def data_name(self) -> str:
        """The data as it was named, or what it is."""
        return str(self.data) if isinstance(self.data, str | Path | Dataset) else f"a table of {len(self.data)} rows"
