"""Which versions of which packages a run was made with."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata

import numpy as np
import torch

from minidl_core.plugins import loaded_plugins


def versions() -> dict[str, str]:
    """Of Python, of the core, of what computes, and of each plugin that is in use, by distribution."""
    found = {
        "python": platform.python_version(),
        "minidl-core": metadata.version("minidl-core"),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    with suppress(metadata.PackageNotFoundError):
        found["llvmlite"] = metadata.version("llvmlite")  # without it a step is rounded a little differently
    providers = [report.provider for report in loaded_plugins().reports if report.state in ("ok", "conflict")]
    return found | {one.distribution: one.version for one in sorted(providers, key=lambda one: one.distribution)}


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """In what they differ: `torch 2.12.0 then, 2.13.0 now`."""
    return [
        f"{name} {then.get(name, 'was not there')}{' then' if name in then else ''}, {now.get(name, 'not there')} now"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
