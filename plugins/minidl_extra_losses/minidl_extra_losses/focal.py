"""The focal loss of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.losses import row_share
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.class_loss import ClassLoss, require_class_weights


class Focal(ClassLoss):
    """-a_l (1 - p_l)^gamma log p_l, of p = softmax(y) and a row with label l, a = alpha; its mean over the batch.

    d/dy_c = -g p_c for c ≠ l, and d/dy_l = g (1 - p_l), of g = a_l (1 - p_l)^gamma (gamma p_l log p_l / (1 - p_l) - 1),
    the derivative by log p_l. Rows that are right with certainty count little, the less the greater gamma is.

    1 - p_l is computed as the sum of the other probabilities, from which log p_l follows where it is near 0: so both
    keep their digits, and their quotient is -1 where p_l rounds to 1, which a gamma below 1 needs.

    Convention: the mean divides by the number of rows, also with an alpha, as `sigmoid_focal_loss` of torchvision with
    reduction="mean"; gamma = 0 without alpha is `cross_entropy`. The model ends in its logits, without a softmax. A
    single output y is the logit of class 1: the two logits 0 and y, so that above 0 it means class 1.

    Args:
        gamma: how much less right rows count, 0 or greater.
        alpha: how much each class counts, from 0 up and not all 0, two numbers for a single output; None for all alike.

    Shapes: outputs `[*rounds, N, F]`; targets labels `[*rounds, N]`. Raises ArgumentError for the arguments; ShapeError
    for other shapes, or another number of alphas.

    Source: Lin et al. 2017, Focal loss for dense object detection, ICCV, eq. 4 and 5.
    """

    conformance = Conformance(
        examples=({}, {"gamma": 0.5}, {"alpha": [0.5, 2.0, 1.0]}, {"gamma": 1.5, "alpha": [0.75, 0.25]}),
        refused=({"alpha": []}, {"alpha": [0, 0]}, {"alpha": [1, -1, 1]}),
    )
    decision_threshold: ClassVar[float] = 0.0
    weight_argument: ClassVar[str] = "alpha"

    p: Tensor = saved()
    labels: Tensor = saved()
    others: Tensor = saved()
    by_log_p: Tensor = saved()
    single: bool = saved()

    def __init__(self, gamma: float = 2.0, alpha: Sequence[float] | None = None) -> None:
        require("gamma", gamma, gamma >= 0, "0 or greater")
        require_class_weights("alpha", alpha)
        self.gamma, self.alpha = gamma, alpha

    def require_classes(self, outputs: int) -> None:
        """Nothing to refuse: a single output is the logit of class 1."""

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        self.labels = self.labels_of(output, target)  # [*, N, 1]
        self.single = output.shape[-1] == 1
        logits = two_logits(output) if self.single else output  # [*, N, C]
        log_p = logits.log_softmax(-1)
        self.p = log_p.exp()
        tiny = torch.finfo(output.dtype).tiny
        self.others = self.p.scatter(-1, self.labels, 0).sum(-1, keepdim=True).clamp(min=tiny)  # 1 - p_l, [*, N, 1]
        near = self.others < 0.5
        log_p_l = torch.where(near, (-self.others.clamp(max=0.5)).log1p(), log_p.gather(-1, self.labels))
        count = row_share(output, sample_weight) * self.others**self.gamma
        if self.alpha is not None:
            self.require_as_many_weights(output.shape[-1])
            count = count * output.new_tensor(self.alpha)[self.labels]
        p_l = self.p.gather(-1, self.labels)
        self.by_log_p = count * (self.gamma * p_l * log_p_l / self.others - 1)
        return -(count * log_p_l).sum((-2, -1))

    def backward(self) -> Tensor:
        slope = (-self.by_log_p * self.p).scatter(-1, self.labels, self.by_log_p * self.others)
        return slope[..., 1:] if self.single else slope

    def probabilities(self, output: Tensor) -> Tensor:
        """The softmax of the logits, `[*rounds, N, F]`; of a single one y, [1 - σ(y), σ(y)]."""
        return (two_logits(output) if output.shape[-1] == 1 else output).softmax(-1)


def two_logits(output: Tensor) -> Tensor:
    """The logits of both classes, `[*, N, 1] -> [*, N, 2]`, of which a single output is the difference."""
    return torch.cat([torch.zeros_like(output), output], -1)
