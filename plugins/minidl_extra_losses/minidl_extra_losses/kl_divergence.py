"""The Kullback-Leibler divergence."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import ShapeError
from minidl_core.losses import ElementwiseLoss
from minidl_core.nn.saved import saved
from minidl_core.spec import Conformance
from minidl_extra_losses.from_zero import require_from_zero


class KLDivergence(ElementwiseLoss):
    """Σ_c t_c (log t_c - y_c), of probabilities t and log-probabilities y, with 0 log 0 = 0; its mean over the batch.

    d/dy_c = -t_c.

    Convention: `torch.nn.KLDivLoss` with reduction="batchmean": a sum over features. The model ends in
    log-probabilities, `log_softmax`: over labels it is then `cross_entropy` of the logits before.

    Args:
        log_target: whether targets are the logarithms of the probabilities.

    Shapes: outputs `[*rounds, N, F]`; targets the same, or labels `[*rounds, N]`, which are one-hot encoded. Raises
    ShapeError for other shapes, and for labels where there is a single output; a training raises DataError for a target
    below 0. That the probabilities of a row sum to 1 is not checked.

    Source: Kullback and Leibler 1951, On information and sufficiency, Annals of Mathematical Statistics 22(1), p.
    79-86; Bishop, Pattern Recognition and Machine Learning (2006), eq. 1.113.
    """

    conformance = Conformance(examples=({}, {"log_target": True}))
    scales_target: ClassVar[bool] = False

    t: Tensor = saved()

    def __init__(self, log_target: bool = False) -> None:
        self.log_target = log_target

    def value(self, y: Tensor, t: Tensor) -> Tensor:
        self.t = t.exp() if self.log_target else t
        cross = torch.where(self.t == 0, 0, self.t * y)  # where the output is -inf too
        return y.shape[-1] * (torch.xlogy(self.t, self.t) - cross)  # the mean of which over features is the sum

    def derivative(self) -> Tensor:
        return -self.t.shape[-1] * self.t

    @property
    def last_layer(self) -> str | None:
        return "log_softmax"

    def check_values(self, target: Tensor) -> None:
        if not self.log_target:
            require_from_zero(self, target, "probabilities")

    def predicted(self, output: Tensor) -> Tensor:
        """What targets are: the probabilities, or with log_target their logarithms."""
        return output if self.log_target else output.exp()

    def encode(self, labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """One-hot targets, with log_target their logarithms, 0 and -inf."""
        _require_classes(outputs)
        one_hot = super().encode(labels, outputs, dtype)
        return one_hot.log() if self.log_target else one_hot

    def probabilities(self, output: Tensor) -> Tensor:
        """exp(y), `[*rounds, N, F]`: rows that sum to 1 where the outputs are log-probabilities."""
        _require_classes(output.shape[-1])
        return output.exp()


def _require_classes(outputs: int) -> None:
    if outputs < 2:
        raise ShapeError(
            f"kl_divergence needs a log-probability for each class, the model has {outputs} output; for two classes "
            "end it in linear(_,2)-log_softmax or use binary_cross_entropy"
        )
