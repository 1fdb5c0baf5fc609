"""How good a model is on rows that come in pieces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.data.standardization import Standardization
from minidl_core.losses import Loss, loss_of
from minidl_core.metrics import Metric, SummedMetric, Takes
from minidl_core.training.statistics import Figure, MatrixStatistics, Statistics

_Piece = tuple[Tensor, Tensor, Tensor | None]


class Figures:
    """The loss and the metrics of each round. Of one piece they are the loss's and the metrics' own."""

    def __init__(self, loss: Loss, metrics: Sequence[Metric], scale: Standardization | None = None) -> None:
        """`scale` is that of numeric targets: the loss is of standardized values, metrics are of the column's own."""
        self.loss, self.scale = loss, scale
        self.metrics = {str(metric): metric for metric in metrics}
        self.weight: Tensor | float = 0.0
        """Of the rows so far, in each round."""
        self.mean_loss: Tensor | None = None
        self.sums: dict[str, tuple[Tensor, ...]] = {}
        """Of the metrics that are made of sums."""
        self.gathered: list[_Piece] = []
        """All rows, where there are other metrics: the outputs as the model gave them, in its own precision."""

    def add(self, output: Tensor, target: Tensor, given: Tensor, sample_weight: Tensor | None = None) -> None:
        """Rows' outputs `[*rounds, N, F]`, their targets as the loss takes them, and as they were read."""
        self._add_loss(output, target, sample_weight)
        piece = (output.cpu(), given.cpu(), None if sample_weight is None else sample_weight.cpu())
        summed = {name: metric for name, metric in self.metrics.items() if isinstance(metric, SummedMetric)}
        predicted = {takes: self._predicted(takes, piece[0]) for takes in {one.takes for one in summed.values()}}
        for name, metric in summed.items():
            sums = metric.sums(predicted[metric.takes], *piece[1:])
            self.sums[name] = metric.joined(self.sums[name], sums) if name in self.sums else sums
        if len(summed) < len(self.metrics):
            self.gathered.append(piece)

    def statistics(self) -> dict[str, Figure]:
        """The loss, and each metric by its spec, over rounds."""
        assert self.mean_loss is not None
        found: dict[str, Figure] = {"loss": Statistics.of(self.mean_loss)}
        rows = _joined(self.gathered) if self.gathered else None
        for name, metric in self.metrics.items():
            if isinstance(metric, SummedMetric):
                values = metric.value(self.sums[name])
            else:
                assert rows is not None
                values = metric(self._predicted(metric.takes, rows[0]), *rows[1:])
            found[name] = MatrixStatistics.of(values) if metric.is_matrix else Statistics.of(values)
        return found

    def _add_loss(self, output: Tensor, target: Tensor, sample_weight: Tensor | None) -> None:
        value = loss_of(self.loss, output, target, sample_weight).double()
        weight = torch.full_like(value, output.shape[-2]) if sample_weight is None else sample_weight.double().sum(-1)
        self.weight = self.weight + weight
        mean = value if self.mean_loss is None else self.mean_loss
        # What weighs nothing has no mean; and of one piece, or the first that weighs something, it is that very number.
        later = torch.where(weight == self.weight, value, mean + (value - mean) * (weight / self.weight))
        self.mean_loss = torch.where(weight == 0, mean, later)

    def _predicted(self, takes: Takes, output: Tensor) -> Tensor:
        """What outputs mean, as a metric takes it, in float64."""
        output = output.double()
        if takes == "values":
            predicted = self.loss.predicted(output)
            return predicted if self.scale is None else self.scale.revert(predicted)
        return self.loss.probabilities(output) if takes == "probabilities" else self.loss.scores(output)


def _joined(pieces: list[_Piece]) -> _Piece:
    """All rows as one piece."""
    outputs, targets, weights = zip(*pieces, strict=True)
    axis = outputs[0].dim() - 2  # of rows, in labels too
    weight = None if weights[0] is None else torch.cat(weights, axis)
    return torch.cat(outputs, axis), torch.cat(targets, axis), weight
