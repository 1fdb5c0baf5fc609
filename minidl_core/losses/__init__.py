"""Losses: how far outputs are from their targets, and the gradient of that."""

from minidl_core.losses.loss import (
    ElementwiseLoss,
    Loss,
    Prediction,
    class_scores,
    encode_labels,
    is_labels,
    loss_of,
    row_share,
)
from minidl_core.losses.mae import MAE
from minidl_core.losses.mse import MSE

__all__ = [
    "MAE",
    "MSE",
    "ElementwiseLoss",
    "Loss",
    "Prediction",
    "class_scores",
    "encode_labels",
    "is_labels",
    "loss_of",
    "row_share",
]
