"""The negative log-likelihood of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minidl_core.losses import row_share
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.class_loss import ClassLoss, require_class_weights


class NLL(ClassLoss):
    """-w_l y_l, of log-probabilities y and a row with label l, w = weight; its weighted mean over the batch.

    d/dy_c = -w_l for c = l, else 0.

    Convention: `torch.nn.NLLLoss`, without its ignore_index. The model ends in log-probabilities, `log_softmax`: with
    it this is `cross_entropy` of the logits before. With a weight a class, the mean divides by the sum of the weights
    of the rows' own classes, Σ_n w[label_n]; with sample weights s too, by Σ_n s_n w[label_n]. NaN, as there, where all
    that a round's rows weigh is 0.

    Args:
        weight: how much each class counts, from 0 up and not all 0; None for all alike.

    Shapes: outputs `[*rounds, N, F]`; targets labels `[*rounds, N]`. Raises ArgumentError for the weight; ShapeError
    for other shapes, another number of weights, or a single output. That outputs are log-probabilities is not checked:
    of others the loss has no minimum.

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108.
    """

    conformance = Conformance(
        examples=({}, {"weight": [0.5, 2.0, 1.0]}),
        refused=({"weight": []}, {"weight": [0, 0, 0]}, {"weight": [1, -1, 1]}),
    )
    y: Tensor = saved()
    labels: Tensor = saved()
    share: Tensor | float = saved()

    def __init__(self, weight: Sequence[float] | None = None) -> None:
        require_class_weights("weight", weight)
        self.weight = weight

    @property
    def last_layer(self) -> str | None:
        return "log_softmax"

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        self.y, self.labels = output, self.labels_of(output, target)  # labels [*, N, 1]
        self.share = row_share(output, sample_weight)
        if self.weight is not None:
            self.require_as_many_weights(output.shape[-1])
            share = self.share * output.new_tensor(self.weight)[self.labels]  # [*, N, 1]
            self.share = share / share.sum(-2, keepdim=True)
        return -(output.gather(-1, self.labels) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return torch.zeros_like(self.y).scatter(-1, self.labels, 1) * -self.share

    def probabilities(self, output: Tensor) -> Tensor:
        """exp(y), `[*rounds, N, F]`: rows that sum to 1 where the outputs are log-probabilities."""
        self.require_classes(output.shape[-1])
        return output.exp()
