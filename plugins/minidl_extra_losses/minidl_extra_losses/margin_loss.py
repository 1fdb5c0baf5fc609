"""What the hinge losses of many classes have in common."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import row_share
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.class_loss import ClassLoss


class MarginLoss(ClassLoss):
    """1/F Σ_{c ≠ l} f(e_c), of e_c = max(0, margin - y_l + y_c) and a row with label l; its mean over the batch.

    A subclass gives f, `value`, and its derivative, `derivative`, which must be 0 where e is.
    """

    conformance = Conformance(examples=({}, {"margin": 2.5}))
    excess: Tensor = saved()
    labels: Tensor = saved()
    share: Tensor | float = saved()

    def __init__(self, margin: float = 1.0) -> None:
        require("margin", margin, margin > 0, "greater than 0")
        self.margin = margin

    @abstractmethod
    def value(self, excess: Tensor) -> Tensor:
        """f, of each output."""

    @abstractmethod
    def derivative(self, excess: Tensor) -> Tensor:
        """f', of each output."""

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        self.labels = self.labels_of(output, target)  # [*, N, 1]
        self.share = row_share(output, sample_weight) / output.shape[-1]
        too_close = (self.margin - output.gather(-1, self.labels) + output).clamp(min=0)
        self.excess = too_close.scatter(-1, self.labels, 0)  # [*, N, F], 0 for the right class
        return (self.value(self.excess) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        wrong = self.derivative(self.excess)
        return wrong.scatter(-1, self.labels, -wrong.sum(-1, keepdim=True)) * self.share
