"""A check of targets that mean nothing below 0."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import DataError
from minidl_core.losses import Loss


def require_from_zero(loss: Loss, target: Tensor, what: str) -> None:
    """Raise DataError for targets of which one is below 0."""
    if target.numel() and (least := float(target.min())) < 0:
        raise DataError(
            f"the loss {loss} is of {what}, 0 or greater, and a target is {least:g}; correct its row, or take mse"
        )
