"""The hinge loss of many classes."""

from __future__ import annotations

from torch import Tensor

from minidl_extra_losses.margin_loss import MarginLoss


class Hinge(MarginLoss):
    """1/F Σ_{c ≠ l} max(0, margin - y_l + y_c), of a row with label l; its mean over the batch.

    d/dy_c = 1/F for each wrong class c within the margin (where the maximum is not 0), d/dy_l = -1/F for each of them.

    Convention: `torch.nn.MultiMarginLoss` with p = 1: the sum is divided by the number of all outputs F, not by that of
    the wrong ones; the derivative at the kink is 0.

    Args:
        margin: by how much the right output must exceed each other, greater than 0.

    Shapes: outputs `[*rounds, N, F]`; targets labels `[*rounds, N]`. Raises ArgumentError for a margin that is not
    greater than 0; ShapeError for other shapes, or a single output.

    Source: Weston and Watkins 1999, Support vector machines for multi-class pattern recognition, ESANN, p. 219-224,
    whose margin is 2.
    """

    def value(self, excess: Tensor) -> Tensor:
        return excess

    def derivative(self, excess: Tensor) -> Tensor:
        return excess.sign()
