"""The hinge loss of many classes."""

from __future__ import annotations

from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.losses import is_labels, row_share
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.class_loss import ClassLoss


class Hinge(ClassLoss):
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

    conformance = Conformance(examples=({}, {"margin": 2.5}))
    excess: Tensor = saved()
    labels: Tensor = saved()
    share: Tensor | float = saved()

    def __init__(self, margin: float = 1.0) -> None:
        require("margin", margin, margin > 0, "greater than 0")
        self.margin = margin

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        self.require_classes(output.shape[-1])
        if output.dim() < 2 or not is_labels(output, target):
            raise ShapeError(
                f"output {list(output.shape)} and target {list(target.shape)}: the output must be [*rounds, batch, "
                "classes], the target integer labels [*rounds, batch]"
            )
        self.share = row_share(output, sample_weight) / output.shape[-1]
        self.labels = target.long().unsqueeze(-1)  # [*, N, 1]
        too_close = (self.margin - output.gather(-1, self.labels) + output).clamp(min=0)
        self.excess = too_close.scatter(-1, self.labels, 0)  # [*, N, F], 0 for the right class
        return (self.excess * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        wrong = self.excess.sign()
        return wrong.scatter(-1, self.labels, -wrong.sum(-1, keepdim=True)) * self.share
