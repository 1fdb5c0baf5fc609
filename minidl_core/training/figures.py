"""How good a model is on rows that come in pieces."""

from __future__ import annotations

from torch import Tensor

from minidl_core.losses import Loss
from minidl_core.metrics import Accuracy, SquareSums
from minidl_core.training.statistics import Statistics


class Figures:
    """The loss, and accuracy or R², of each round. Of one piece they are the loss's and the metric's own."""

    def __init__(self, loss: Loss, is_value: bool) -> None:
        self.loss, self.is_value = loss, is_value
        self.rows = 0
        self.means: dict[str, Tensor] = {}
        """Of the figures that are means over rows, those of the rows so far."""
        self.squares: SquareSums | None = None

    def add(self, output: Tensor, target: Tensor, labels: Tensor) -> None:
        """Rows' outputs `[*rounds, N, F]`, their targets as the loss takes them, and as they were read."""
        found = {"loss": self.loss.forward(output, target)}
        if self.is_value:
            squares = SquareSums.of(output, target)
            self.squares = self.squares.joined(squares) if self.squares else squares
        else:
            found["accuracy"] = Accuracy(self.loss.decision_threshold)(output, labels)
        self.rows += output.shape[-2]
        for name, value in found.items():
            mean = self.means.get(name, value)
            # By steps, so that of one piece it is the very same number.
            self.means[name] = mean + (value - mean) * (output.shape[-2] / self.rows)

    def statistics(self) -> dict[str, Statistics]:
        figures = self.means | ({"r2": self.squares.r2()} if self.squares else {})
        return {name: Statistics.of(values) for name, values in figures.items()}
