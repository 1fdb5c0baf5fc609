"""Losses: the loss, and its gradient with respect to the outputs.

Ours is the mean of rows with weights. PyTorch's sum is that times how much all rows weigh, and PyTorch's `none` is
that of rounds of one row each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from against_pytorch.inputs import Input, module_inputs
from against_pytorch.pair import Pair, difference


@dataclass
class Rows:
    """What ours is given: outputs `[*rounds, N, F]`, targets, weights; and what its loss, `[*rounds]`, is times."""

    y: Tensor
    t: Tensor
    weight: Tensor | None
    times: Tensor


Form = Callable[..., Rows]
"""PyTorch's tensors, of any shape, and arguments -> rows; from operations that autograd takes back."""


@dataclass(frozen=True)
class LossPair(Pair):
    """A loss and its counterpart."""

    kind: ClassVar[str] = "loss"
    tolerance: ClassVar[float] = 1e-7

    form: Form
    outputs: tuple[int, ...] = (0,)
    """Which of PyTorch's tensors are outputs of a model; the others are targets."""

    def inputs(self) -> list[Input]:
        return module_inputs(self.theirs.__name__)

    def differences(self, given: Input) -> Iterator[float]:
        theirs, ours = given.module(), self.build(given)
        tensors = [tensor.detach().clone() for tensor in given.tensors]
        outputs = [tensors[place].requires_grad_() for place in self.outputs]
        loss = theirs(*tensors)
        d_loss = torch.rand(loss.shape, dtype=torch.float64)
        gradients = torch.autograd.grad(loss, outputs, d_loss)

        rows = self.form(*tensors, given.arguments)
        own_loss = ours.forward(rows.y.detach(), rows.t, rows.weight) * rows.times
        own_d_rows = ours.backward() * (rows.times * d_loss.reshape(rows.times.shape))[..., None, None]
        own_gradients = torch.autograd.grad(rows.y, outputs, own_d_rows)

        yield difference(own_loss.reshape(loss.shape), loss)
        yield from map(difference, own_gradients, gradients)


def elementwise(y: Tensor, t: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """Each element counts alike, and is a row of its own where PyTorch weighs or does not reduce them."""
    mean = arguments["reduction"] == "mean"
    weight = arguments.get("weight")
    of_each = torch.ones_like(y).mul(1 if weight is None else weight).detach().flatten()
    if arguments["reduction"] == "none":
        return Rows(y.reshape(-1, 1, 1), t.reshape(-1, 1, 1), None, of_each)
    if weight is not None:
        return Rows(y.reshape(-1, 1), t.reshape(-1, 1), of_each, of_each.mean() if mean else of_each.sum())
    features = y.shape[-1] if y.dim() else 1
    return Rows(y.reshape(-1, features), t.reshape(-1, features), None, of_each.mean() if mean else of_each.sum())


def of_probabilities(y: Tensor, t: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """Ours is that of the logits of PyTorch's probabilities."""
    return elementwise(y.logit(), t, arguments)


def summed_over_features(y: Tensor, t: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """Ours is PyTorch's `batchmean`, a sum over features of each row."""
    rows = elementwise(y, t, arguments)
    if arguments["reduction"] == "batchmean" and y.dim():
        rows.times = rows.times / len(y)
    return replace(rows, times=rows.times / rows.y.shape[-1])


def of_variances(y: Tensor, t: Tensor, variance: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """Ours has two outputs a target: a mean, and the logarithm of a variance."""
    rows = elementwise(y, t, arguments)
    logarithms = elementwise(variance.log().expand(y.shape), t, arguments)
    return replace(rows, y=torch.stack([rows.y, logarithms.y], -1).flatten(-2))


def of_classes(y: Tensor, t: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """Classes are PyTorch's second axis, or the only one; all others are those of rows. A label may be ignored."""
    labels = not t.is_floating_point()
    y = _classes_last(y)
    t = t.reshape(-1) if labels else _classes_last(t)
    used = torch.ones(len(y), dtype=y.dtype)
    if labels:
        ignored = t == arguments.get("ignore_index", -100)
        t, used = t.masked_fill(ignored, 0), used.masked_fill(ignored, 0)
    weight = arguments.get("weight")
    count = used * weight[t] if labels and weight is not None else used  # what PyTorch divides by, of each row
    if arguments["reduction"] == "none":
        return Rows(y.unsqueeze(-2), t.unsqueeze(1), None, count)
    times = torch.ones_like(count[0]) if arguments["reduction"] == "mean" else count.sum()
    return Rows(y, t, used if labels else None, times)


def _classes_last(tensor: Tensor) -> Tensor:
    """`[N, F, *]` or `[F]` -> `[rows, F]`"""
    return (tensor.movedim(1, -1) if tensor.dim() > 1 else tensor.unsqueeze(0)).flatten(0, -2)


def of_margins(y: Tensor, t: Tensor, arguments: Mapping[str, Any]) -> Rows:
    """As classes, but that PyTorch's mean with a weight a class divides by the number of rows."""
    rows = of_classes(y, t, {**arguments, "weight": None})
    if arguments["weight"] is None:
        return rows
    of_each = arguments["weight"][t.reshape(-1)]
    if arguments["reduction"] == "none":
        return replace(rows, times=of_each)
    return replace(rows, weight=of_each, times=rows.times * of_each.mean())
