"""What the figures were taken on, and with."""

from __future__ import annotations

import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.worker import cores

PACKAGES = ("minidl-core", "torch", "jax", "scikit-learn", "numpy")


def describe() -> dict[str, str]:
    """The machine, its system, the versions, and the day."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    return {
        "processor": f"{_processor()}; cores that may be used: {len(cores()) or 'unknown'}",
        "system": f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(versions),
        "date": date.today().isoformat(),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "an unknown processor"
