"""What part of an axis is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def padded(values: NDArray[Any], share: float) -> tuple[float, float]:
    """From the least to the greatest of finite values, and a share of that more on each side; never of no length."""
    low, high = float(np.min(values)), float(np.max(values))
    least = max(1e-9 * max(abs(low), abs(high)), 1e-300)
    if high / 2 - low / 2 <= least / 2:
        margin = max(0.05 * max(abs(low), abs(high)), 1e-300) if low or high else 0.5
        return low - margin, high + margin
    margin = share * (high - low)
    return low - margin, high + margin
