"""Metrics: how good predictions are, one number (or one matrix) a round."""

from minidl_core.metrics.confusion import F1, BalancedAccuracy, ConfusionMatrix, ConfusionMetric
from minidl_core.metrics.means import Accuracy, LogLoss, MeanAbsoluteError, MeanSquaredError, RowMean
from minidl_core.metrics.metric import Metric, Rows, SummedMetric, Takes
from minidl_core.metrics.r2 import R2
from minidl_core.metrics.roc_auc import RocAuc

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "BalancedAccuracy",
    "ConfusionMatrix",
    "ConfusionMetric",
    "LogLoss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "RocAuc",
    "RowMean",
    "Rows",
    "SummedMetric",
    "Takes",
]
