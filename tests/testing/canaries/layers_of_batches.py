"""Layers that are wrong on purpose in what they say of a batch: that rows depend, and that numbers are whole."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn import Module, Normal, Parameter, Tanh, saved
from minidl_core.spec import Conformance

INPUT = "the gradient of the input equals central differences"
PARAMETERS = "the gradients of the parameters equal central differences"
ROWS = "rows do not depend on each other"
NUMBER = "any number of rows is taken"
EVALUATION = "in evaluation nothing is drawn and rows are independent"

IN_TRAINING = Conformance(rows_depend=lambda _, training: training)


class SaysThatRowsDepend(Tanh):
    """Treats each row by itself, and says otherwise."""

    rejected_by = ROWS
    conformance = IN_TRAINING


class LessTheFirstRow(Module):
    """x less the first row of the batch, whichever that is."""

    rejected_by = ROWS
    conformance = IN_TRAINING

    def forward(self, x: Tensor) -> Tensor:
        return x - x[..., :1, :] if self.training else x

    def backward(self, dy: Tensor) -> Tensor:
        if not self.training or not dy.shape[-2]:
            return dy
        first = dy[..., :1, :] - dy.sum(-2, keepdim=True)
        return torch.cat([first, dy[..., 1:, :]], -2)


class CentredInEvaluationToo(Module):
    """x less the mean over the batch, also where it says that rows are independent."""

    rejected_by = EVALUATION
    conformance = IN_TRAINING

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(-2, keepdim=True)

    def backward(self, dy: Tensor) -> Tensor:
        return dy - dy.mean(-2, keepdim=True)


class PartsOfABatch(CentredInEvaluationToo):
    """The same: in evaluation a part of a batch gives something else than the whole."""

    rejected_by = NUMBER


class Chosen(Module):
    """The row of a table that each whole number is the index of."""

    conformance = Conformance(whole_inputs=4)
    index: Tensor = saved()

    def __init__(self) -> None:
        self.table = Parameter((4,), Normal(), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.index = torch.nn.functional.one_hot(x.long(), 4).to(x)
        return (self.index @ self.table.value[..., None, :, None]).squeeze(-1)

    def backward(self, dy: Tensor) -> Tensor:
        self.table.grad = (self.index * dy.unsqueeze(-1)).sum((-3, -2))
        return torch.zeros_like(dy)


class SlopeBetweenWholeNumbers(Chosen):
    """Gives its input a gradient, as if there were something between 1 and 2."""

    rejected_by = INPUT

    def backward(self, dy: Tensor) -> Tensor:
        super().backward(dy)
        return dy


class LastOfEqualIndices(Chosen):
    """Of rows with the same index the table learns from one alone."""

    rejected_by = PARAMETERS

    def backward(self, dy: Tensor) -> Tensor:
        super().backward(dy)
        self.table.grad = (self.index * dy.unsqueeze(-1))[..., -1:, :, :].sum((-3, -2))
        return torch.zeros_like(dy)
