"""The cross entropy of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.errors import ShapeError, require
from minidl_core.losses import is_labels, row_share
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.class_loss import ClassLoss, require_class_weights


class CrossEntropy(ClassLoss):
    """-Σ_c a_c log p_c, of p = softmax(y); its weighted mean over the batch.

    a = w q is what each class counts: q = (1 - ε) t + ε / F the smoothed target, ε = label_smoothing, w = weight.
    d/dy_c = p_c Σ_k a_k - a_c, which is p_c - q_c without weights.

    Convention: `torch.nn.CrossEntropyLoss`. The model ends in its logits, without a softmax. With a weight a class, the
    mean over labels divides by the sum of the weights of the rows' own classes, Σ_n w[label_n], smoothed or not; the
    mean over probabilities by the number of rows. Where there are sample weights s too, these are Σ_n s_n w[label_n]
    and Σ_n s_n: a weight of 2 is the row twice. NaN, as there, where all that a round's rows weigh is 0.

    Args:
        label_smoothing: ε, from 0 to 1, the part of each target that is spread evenly over all classes.
        weight: how much each class counts, from 0 up and not all 0; None for all alike.

    Shapes: outputs `[*rounds, N, F]`; targets labels `[*rounds, N]`, or probabilities `[*rounds, N, F]`. Raises
    ArgumentError for the arguments; ShapeError for other shapes, another number of weights, or a single output.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108 and 4.109; label smoothing: Szegedy et
    al. 2016, Rethinking the Inception architecture for computer vision, CVPR, section 7.
    """

    conformance = Conformance(
        examples=(
            {},
            {"label_smoothing": 0.2},
            {"weight": [0.5, 2.0, 1.0]},
            {"label_smoothing": 0.5, "weight": [0.5, 2, 1]},
        ),
        refused=({"weight": []}, {"weight": [0, 0, 0]}, {"weight": [1, -1, 1]}),
    )
    log_p: Tensor = saved()
    a: Tensor = saved()

    def __init__(self, label_smoothing: float = 0.0, weight: Sequence[float] | None = None) -> None:
        require("label_smoothing", label_smoothing, 0 <= label_smoothing <= 1, "from 0 to 1")
        require_class_weights("weight", weight)
        self.label_smoothing, self.weight = label_smoothing, weight

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        t = self.target_probabilities(output, target)
        share = row_share(output, sample_weight)
        e = self.label_smoothing
        q = (1 - e) * t + e / t.shape[-1] if e else t
        if self.weight is not None:
            self.require_as_many_weights(output.shape[-1])
            w = output.new_tensor(self.weight)
            q = w * q
            if is_labels(output, target):
                share = share / (share * (w * t).sum(-1, keepdim=True)).sum(-2, keepdim=True)
        self.a = share * q  # [*, N, F]
        self.log_p = output.log_softmax(-1)
        return -(self.a * self.log_p).sum((-2, -1))

    def backward(self) -> Tensor:
        return self.log_p.exp() * self.a.sum(-1, keepdim=True) - self.a

    def probabilities(self, output: Tensor) -> Tensor:
        """The softmax of the logits, `[*rounds, N, F]`."""
        self.require_classes(output.shape[-1])
        return output.softmax(-1)

    def target_probabilities(self, output: Tensor, target: Tensor) -> Tensor:
        """The target as the probability of each class, `[*, N, F]`."""
        self.require_classes(output.shape[-1])
        if output.dim() >= 2 and is_labels(output, target):
            return torch.zeros_like(output).scatter(-1, target.long().unsqueeze(-1), 1)
        if output.dim() >= 2 and target.shape == output.shape:
            return target.to(output.dtype)
        raise ShapeError(
            f"output {list(output.shape)} and target {list(target.shape)}: the output must be [*rounds, batch, "
            "classes], the target integer labels [*rounds, batch] or probabilities of the output's shape"
        )
