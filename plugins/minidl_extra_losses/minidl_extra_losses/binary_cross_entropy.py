"""The cross entropy of yes and no."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance


class BinaryCrossEntropy(ElementwiseLoss):
    """-p t log σ(y) - (1 - t) log σ(-y), of logits y, with p = pos_weight; its mean over batch and features.

    d/dy = (1 - t) σ(y) - p t σ(-y), which is σ(y) - t where p = 1.

    Computed from -log σ(-y) = max(y, 0) + log(1 + exp(-|y|)), so that no logit overflows.

    Convention: `torch.nn.BCEWithLogitsLoss`, pos_weight one number for all outputs. The model ends in its logits,
    without a sigmoid: a single one above 0 means class 1.

    Args:
        pos_weight: how often a target of 1 counts, greater than 0; above 1 for a class 1 that is rare.

    Shapes: outputs `[*rounds, N, F]`; targets the same, from 0 to 1, or labels `[*rounds, N]`: 0 and 1 for a single
    output, else one-hot encoded, one against the rest. Raises ArgumentError for a pos_weight that is not greater than
    0, ShapeError for other shapes. That targets lie between 0 and 1 is not checked: outside, the loss has no minimum.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90 and 4.91.
    """

    conformance = Conformance(examples=({}, {"pos_weight": 2.5}))
    decision_threshold: ClassVar[float] = 0.0
    is_of_classes: ClassVar[bool] = True

    y: Tensor = saved()
    t: Tensor = saved()

    def __init__(self, pos_weight: float = 1.0) -> None:
        require("pos_weight", pos_weight, pos_weight > 0, "greater than 0")
        self.pos_weight = pos_weight

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.y, self.t = y, t
        tail = (-y.abs()).exp().log1p()
        return self.pos_weight * t * ((-y).clamp(min=0) + tail) + (1 - t) * (y.clamp(min=0) + tail)

    def derivative(self) -> Tensor:
        # Not y.sigmoid(): it rounds an element by its place in the tensor, and so differently in each round.
        return (1 - self.t) / (1 + (-self.y).exp()) - self.pos_weight * self.t / (1 + self.y.exp())

    def probabilities(self, output: Tensor) -> Tensor:
        """σ(y): of a single logit [1 - σ(y), σ(y)]; of several, each a class against the rest, normalized to sum 1."""
        return super().probabilities(output.sigmoid())
