"""A table of vectors that are learned."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from minidl_core.errors import DataError, ShapeError, require
from minidl_core.nn import Initializer, Module, Parameter, saved
from minidl_core.spec import Conformance
from minidl_extra_layers.examples import require_example_axes


class Embedding(Module):
    """y = W[x], the row of W that each whole number of x is the index of.

    dW[i] = Σ dy where x = i,   dx = 0: between whole numbers there is no slope.

    Convention: `torch.nn.Embedding`. At padding_idx y is 0 whatever W is there, and that row learns nothing; in PyTorch
    the row begins as 0, and learns nothing.

    Args:
        num_embeddings: the number of rows; indices are from 0 to one less.
        embedding_dim: D, the size of a row.
        padding_idx: an index whose y is 0; less than 0 counts from the last row.
        init: what W is drawn from, `[num_embeddings, D]`.
        axes: how many axes an example has, 1 for the columns of a table; a spec fills in what it knows.

    Shapes: x is `[*rounds, N, *shape]`, whole numbers of any type; y is `[*rounds, N, *shape, D]`. Of a table, with
    scaling none. Raises ArgumentError for an argument that is out of range, DataError for an x
    that is not the index of a row. Source: Bengio, Ducharme, Vincent and Jauvin 2003, A neural probabilistic language
    model, JMLR 3, p. 1137-1155, section 2.
    """

    axes_argument: ClassVar[str | None] = "axes"
    conformance = Conformance(
        examples=(
            {"num_embeddings": 5, "embedding_dim": 4, "axes": 2},
            {"num_embeddings": 5, "embedding_dim": 4, "axes": 2, "padding_idx": 1},
            {"num_embeddings": 5, "embedding_dim": 4, "axes": 2, "padding_idx": -1},
        ),
        input_shape=(2, 3),
        refused=({"padding_idx": 5}, {"padding_idx": -6}),
        unbounded=("padding_idx",),
        whole_inputs=5,
    )
    index: Tensor = saved()

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        init: Initializer | str = "normal",
        axes: int = 1,
    ) -> None:
        require("num_embeddings", num_embeddings, num_embeddings > 0, "at least 1")
        require("embedding_dim", embedding_dim, embedding_dim > 0, "at least 1")
        is_row = padding_idx is None or -num_embeddings <= padding_idx < num_embeddings
        require("padding_idx", padding_idx, is_row, f"none, or an index of {num_embeddings} rows")
        require("axes", axes, axes > 0, "at least 1")
        self.num_embeddings, self.embedding_dim, self.axes = num_embeddings, embedding_dim, axes
        self.padding = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter((num_embeddings, embedding_dim), init, num_embeddings, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:  # [*, N, *shape] -> [*, N, *shape, D]
        weight = self.weight.value
        rounds = weight.shape[:-2]
        if x.dim() == 1 + self.axes:  # rows for all rounds
            x = x.expand(*rounds, *x.shape)
        # Where x is no whole number, -1 is no index.
        index = torch.where(x == x.floor(), x, -1).long() if x.is_floating_point() else x.long()
        unknown = self.unknown(x, index) if x.is_cuda else None
        self.index = (index if unknown is None else index.masked_fill(unknown, 0)).unsqueeze(-1)
        try:
            y = weight.gather(-2, self.as_rows(self.index)).reshape(*x.shape, self.embedding_dim)
        except RuntimeError:
            raise self.error(x) from None
        return self.without_padding(y if unknown is None else y.masked_fill(unknown.unsqueeze(-1), math.nan))

    def backward(self, dy: Tensor) -> Tensor:
        weight, rows = self.weight.value, self.as_rows(self.index)
        dy = self.without_padding(dy)
        self.weight.grad = torch.zeros_like(weight).scatter_add(-2, rows, dy.reshape(rows.shape))
        return dy.new_zeros(self.index.shape[:-1])

    def as_rows(self, index: Tensor) -> Tensor:
        """The row of W for each number of y, `[*rounds, M, D]`, of indices `[*rounds, N, *shape, 1]`."""
        rounds = self.weight.value.shape[:-2]
        return index.reshape(*rounds, -1, 1).expand(*rounds, -1, self.embedding_dim)

    def unknown(self, x: Tensor, index: Tensor) -> Tensor:
        """Which indices are of no row. A GPU computes nothing any more after it was asked for such a row.

        In training their y is NaN, so that no step waits for the GPU to tell; in evaluation they raise DataError.
        """
        unknown = (index < 0) | (index >= self.num_embeddings)
        if not self.training and unknown.any():
            raise self.error(x)
        return unknown

    def without_padding(self, y: Tensor) -> Tensor:
        return y if self.padding is None else y * (self.index != self.padding)

    def error(self, x: Tensor) -> DataError | ShapeError:
        """What is wrong with an x."""
        wrong = x[~((x == x.floor()) & (x >= 0) & (x < self.num_embeddings))]
        if not wrong.numel():
            return ShapeError(f"{self} has weights {list(self.weight.value.shape)}, got {list(x.shape)}")
        number = wrong[0].item()
        advice = "" if number % 1 == 0 else "; put it first, and leave a table's columns as they are, with scaling none"
        return DataError(f"{self} takes whole numbers from 0 to {self.num_embeddings - 1}, got {number:g}{advice}")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        require_example_axes(self, shape, self.axes)
        return (*shape, self.embedding_dim)
