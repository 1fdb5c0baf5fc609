"""The quantile loss."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss, Prediction
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance


class Quantile(ElementwiseLoss):
    """max(q e, (q - 1) e), of e = t - y, for each quantile q; its mean over batch, targets and quantiles.

    d/dy = -q where y < t, 1 - q where y > t, and the mean of both, 1/2 - q, where they are equal.

    Least where a part q of the targets lies below y. Also called pinball loss.

    Convention: that of `sklearn.metrics.mean_pinball_loss`, with `alpha` q; for 0.5 half of `mae`. PyTorch has no class
    for it.

    Args:
        quantiles: from the least to the greatest, each between 0 and 1.

    Shapes: targets `[*rounds, N, T]`, for which outputs are `[*rounds, N, T * K]`, K the number of quantiles: output
    t * K + k is quantile k of target t. What is predicted for a target is its quantile nearest to 0.5. Nothing keeps
    the quantiles of a row in order. Raises ArgumentError for the quantiles, ShapeError for other shapes and for labels.

    Source: Koenker and Bassett 1978, Regression quantiles, Econometrica 46(1), p. 33-50.
    """

    conformance = Conformance(
        examples=({}, {"quantiles": [0.25]}),
        refused=({"quantiles": []}, {"quantiles": [0.5, 0.1]}, {"quantiles": [0.5, 0.5]}, {"quantiles": [0.5, 1]}),
    )
    is_of_values: ClassVar[bool] = True
    slope: Tensor = saved()

    def __init__(self, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        increase = all(q < other for q, other in pairwise([0, *quantiles, 1]))
        require("quantiles", quantiles, bool(quantiles) and increase, "increasing numbers between 0 and 1")
        self.quantiles = quantiles

    def outputs_for(self, targets: int) -> int:
        return targets * len(self.quantiles)

    def predicted(self, output: Tensor) -> Tensor:
        """The quantile nearest to 0.5 of each target, the median where it is among them."""
        return output[..., self._nearest_to_the_median() :: len(self.quantiles)]

    def predictions(self, output: Tensor) -> list[Prediction]:
        """Each quantile by its name, such as `q0.1`; the median by none, and first."""
        found = [
            Prediction("" if q == 0.5 else f"q{q:.15g}", output[..., k :: len(self.quantiles)])
            for k, q in enumerate(self.quantiles)
        ]
        return sorted(found, key=lambda one: one.name != "")

    def _nearest_to_the_median(self) -> int:
        return min(range(len(self.quantiles)), key=lambda k: abs(self.quantiles[k] - 0.5))

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        count = len(self.quantiles)
        e = t.unsqueeze(-1) - y.reshape(*t.shape, count)  # [*, N, T, K]
        self.slope = ((1 - e.sign()) / 2 - y.new_tensor(self.quantiles)) / count
        return -(self.slope * e).sum(-1)

    def derivative(self) -> Tensor:
        return self.slope.flatten(-2)
