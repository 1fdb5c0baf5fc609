"""The base classes of all losses."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import RequestError, ShapeError
from minidl_core.nn.saved import saved
from minidl_core.spec.component import Component, spec_name


class Prediction(NamedTuple):
    """Something that outputs say of each target."""

    name: str
    """Behind the target's own, as in `price q0.1`; empty for the value itself."""
    values: Tensor
    """`[*rounds, N, T]`."""
    is_distance: bool = False
    """Whether it is a distance between values, such as a deviation, and no value."""


class Loss(Component):
    """The mean loss of each round, `forward`, and its gradient with respect to the outputs, `backward`.

    Outputs are `[*rounds, N, F]`. Targets are of the same shape, or class labels `[*rounds, N]`, integers from 0.
    Nothing is ever broadcast: a target of another shape is a ShapeError that says both.
    """

    kind: ClassVar[str] = "loss"

    decision_threshold: ClassVar[float] = 0.5
    """Above which the output of a model with a single one means class 1."""

    is_of_classes: ClassVar[bool] = False
    """Whether its targets are classes alone, and never values."""
    is_of_values: ClassVar[bool] = False
    """Whether its targets are values alone, and never classes."""
    scales_target: ClassVar[bool] = True
    """Whether target values are standardized before it sees them; not where they have a meaning of their own, such as
    counts."""

    @abstractmethod
    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss of each round, `[*rounds]`: the mean over its rows, weighted by `sample_weight` `[*rounds, N]`."""

    @abstractmethod
    def backward(self) -> Tensor:
        """The gradient of each round's loss with respect to its last outputs; CallOrderError before `forward`."""

    @property
    def last_layer(self) -> str | None:
        """The layer that a model ends in for this loss, by name; None where a linear one is all it takes."""
        return None

    def outputs_for(self, targets: int) -> int:
        """How many outputs a model needs for so many target values in a row: one each, unless a loss says otherwise."""
        return targets

    def check_values(self, target: Tensor) -> None:
        """Raise DataError for target values `[*rounds, N, T]` that mean nothing here. Asked once, before the steps."""

    def predicted(self, output: Tensor) -> Tensor:
        """The value that outputs `[*rounds, N, F]` predict for each target, `[*rounds, N, T]`: what metrics compare."""
        return output

    def predictions(self, output: Tensor) -> list[Prediction]:
        """All that outputs `[*rounds, N, F]` say of each target: the value alone, unless a loss says otherwise."""
        return [Prediction("", self.predicted(output))]

    def encode(self, labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Class labels as the targets that this loss compares with: one-hot unless a loss says otherwise.

        Raises ShapeError where it is of values: a label is the number of a class, and not an amount.
        """
        if self.is_of_values:
            raise ShapeError(
                f"{spec_name(type(self))} compares outputs with values, and not with classes; where the target's whole "
                "numbers are amounts, say so with --task regression (task='regression' in Python), else use "
                "cross_entropy"
            )
        return encode_labels(labels, outputs, dtype)

    def scores(self, output: Tensor) -> Tensor:
        """How much outputs `[*rounds, N, F]` speak for each class, `[*rounds, N, K]`: the greatest is predicted."""
        return class_scores(output, self.decision_threshold)

    def probabilities(self, output: Tensor) -> Tensor:
        """The probability of each class, `[*rounds, N, K]`, rows that sum to 1, that outputs `[*rounds, N, F]` mean.

        Raises RequestError where a loss gives outputs no such meaning.
        """
        raise RequestError(
            f"the loss {self} gives no probabilities of classes; measure by scores (accuracy, balanced_accuracy, f1, "
            "confusion_matrix), or train with a loss that does"
        )


class ElementwiseLoss(Loss):
    """The mean, over batch and targets, of a function of each target t and its output y, or its outputs.

    A subclass gives the function, `value`, and its derivative with respect to y, `derivative`.
    """

    share: Tensor | float = saved()

    @abstractmethod
    def value(self, y: Tensor, t: Tensor) -> Tensor:
        """The loss of each target, `[*, N, T]`, of outputs `[*, N, outputs_for(T)]`; keeps what `derivative` needs."""

    @abstractmethod
    def derivative(self) -> Tensor:
        """The derivative of each target's loss with respect to its outputs, of their shape."""

    def forward(self, output: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if is_labels(output, target):
            target = self.encode(target, output.shape[-1], output.dtype)
        targets = target.shape[-1] if target.dim() else 0
        if output.dim() < 2 or output.shape != (*target.shape[:-1], self.outputs_for(targets)):
            each = self.outputs_for(1)
            labels = "" if self.is_of_values else ", or the target integer labels [*rounds, batch]"
            raise ShapeError(
                f"output {list(output.shape)} and target {list(target.shape)} must be [*rounds, batch, "
                f"{f'{each} * ' if each > 1 else ''}targets] and [*rounds, batch, targets]{labels}"
            )
        self.share = row_share(output, sample_weight) / targets
        return (self.value(output, target) * self.share).sum((-2, -1))

    def backward(self) -> Tensor:
        return self.derivative() * self.share

    def probabilities(self, output: Tensor) -> Tensor:
        """Outputs as they are, since they are compared with 0 and 1: clamped to that, and normalized to a sum of 1.

        A single output p is [1 - p, p]. A row whose outputs are all 0 has the same probability for each class.
        """
        if self.is_of_values:
            return super().probabilities(output)
        p = output.clamp(0, 1)
        if output.shape[-1] == 1:
            return torch.cat([1 - p, p], -1)
        total = p.sum(-1, keepdim=True)
        return torch.where(total == 0, 1 / output.shape[-1], p / total)


def loss_of(loss: Loss, output: Tensor, target: Tensor, sample_weight: Tensor | None) -> Tensor:
    """The loss of each round; one of someone's own may take no weights, where there are none."""
    return loss.forward(output, target) if sample_weight is None else loss.forward(output, target, sample_weight)


def is_labels(output: Tensor, target: Tensor) -> bool:
    """Whether a target is class labels `[*rounds, N]` for outputs `[*rounds, N, F]`."""
    return target.shape == output.shape[:-1] and not target.is_floating_point()


def class_scores(output: Tensor, threshold: float) -> Tensor:
    """Scores of classes, `[*, N, F] -> [*, N, K]`: several outputs themselves; of a single y, [t - y, y - t].

    So y means class 1 above the threshold t, else class 0.
    """
    if output.shape[-1] > 1:
        return output
    above = output - threshold
    return torch.cat([-above, above], -1)


def encode_labels(labels: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
    """One-hot targets, `[*, N] -> [*, N, outputs]`; for a single output the label itself, 0 or 1.

    Raises ShapeError for a label that has no output.
    """
    low, high = (int(labels.min()), int(labels.max())) if labels.numel() else (0, 0)
    if low < 0:
        raise ShapeError(f"labels from {low} to {high}: labels count from 0")
    if high >= max(outputs, 2):
        raise ShapeError(f"labels from {low} to {high} need {high + 1} outputs, the model has {outputs}")
    if outputs == 1:
        return labels.unsqueeze(-1).to(dtype)
    return (labels.unsqueeze(-1) == torch.arange(outputs, device=labels.device)).to(dtype)


def row_share(output: Tensor, sample_weight: Tensor | None) -> Tensor | float:
    """What each row counts in its round's mean: 1/N, or w / Σ w as `[*rounds, N, 1]`."""
    if sample_weight is None:
        return 1 / max(output.shape[-2], 1)
    if sample_weight.shape != output.shape[:-1]:
        raise ShapeError(
            f"sample_weight {list(sample_weight.shape)} must have one weight a row, {list(output.shape[:-1])}"
        )
    sample_weight = sample_weight.to(output)  # so that whole weights are divided in the output's precision
    return (sample_weight / sample_weight.sum(-1, keepdim=True)).unsqueeze(-1)
