"""The squared hinge loss of many classes."""

from __future__ import annotations

from torch import Tensor

from minidl_extra_losses.margin_loss import MarginLoss


class SquaredHinge(MarginLoss):
    """1/F Σ_{c ≠ l} max(0, margin - y_l + y_c)², of a row with label l; its mean over the batch.

    d/dy_c = 2/F max(0, margin - y_l + y_c) for each wrong class c, d/dy_l = minus the sum of these.

    Unlike `hinge` it is differentiable everywhere, and an output that is far on the wrong side counts for more.

    Convention: `torch.nn.MultiMarginLoss` with p = 2: the sum is divided by the number of all outputs F, not by that of
    the wrong ones; no factor 1/2.

    Args:
        margin: by how much the right output must exceed each other, greater than 0.

    Shapes: outputs `[*rounds, N, F]`; targets labels `[*rounds, N]`. Raises ArgumentError for a margin that is not
    greater than 0; ShapeError for other shapes, or a single output.

    Source: the sum over classes as in Weston and Watkins 1999, Support vector machines for multi-class pattern
    recognition, ESANN, p. 219-224; its square as in Tang 2013, Deep learning using linear support vector machines,
    arXiv:1306.0239, there for each class against the rest.
    """

    def value(self, excess: Tensor) -> Tensor:
        return excess**2

    def derivative(self, excess: Tensor) -> Tensor:
        return 2 * excess
