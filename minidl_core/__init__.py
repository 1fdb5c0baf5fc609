"""minidl: a plugin-extensible deep-learning framework in which every derivative is written by hand.

Names are imported when they are first used, so that `import minidl_core` is quick and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidl_core.data import Dataset as Dataset
    from minidl_core.data import Table as Table
    from minidl_core.data import map_table as map_table
    from minidl_core.data import read_table as read_table
    from minidl_core.hookspecs import hookimpl as hookimpl
    from minidl_core.losses import MAE as MAE
    from minidl_core.losses import MSE as MSE
    from minidl_core.losses import Loss as Loss
    from minidl_core.metrics import Metric as Metric
    from minidl_core.nn import Linear as Linear
    from minidl_core.nn import Module as Module
    from minidl_core.nn import ReLU as ReLU
    from minidl_core.nn import Sequential as Sequential
    from minidl_core.nn import Sigmoid as Sigmoid
    from minidl_core.nn import Tanh as Tanh
    from minidl_core.optim import SGD as SGD
    from minidl_core.optim import Optimizer as Optimizer
    from minidl_core.runs import resume as resume
    from minidl_core.runs import train as train
    from minidl_core.schedules import Progress as Progress
    from minidl_core.schedules import Schedule as Schedule
    from minidl_core.spec import build_component as build_component
    from minidl_core.spec import build_model as build_model
    from minidl_core.spec import parse as parse
    from minidl_core.training import accuracy as accuracy
    from minidl_core.training import load_model as load_model
    from minidl_core.training import save_model as save_model
    from minidl_core.training import train_model_SGD as train_model_SGD

_HOMES = {
    "data": ("Dataset", "MappedTable", "Table", "map_table", "read_table"),
    "hookspecs": ("hookimpl",),
    "losses": ("MAE", "MSE", "Loss"),
    "metrics": ("Metric",),
    "nn": ("Linear", "Module", "ReLU", "Sequential", "Sigmoid", "Tanh"),
    "optim": ("SGD", "Optimizer"),
    "runs": ("resume", "train"),
    "schedules": ("Progress", "Schedule"),
    "spec": ("build_component", "build_model", "parse"),
    "training": ("accuracy", "load_model", "save_model", "train_model_SGD"),
}
_HOME = {name: f"minidl_core.{home}" for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'minidl_core' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
