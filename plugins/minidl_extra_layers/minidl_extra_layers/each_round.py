"""Formulas for functions of torch that take no round axes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor


def each_round(formula: Callable[..., Tensor], *operands: tuple[Tensor, int]) -> Tensor:
    """What a formula gives for each round, one after the other: a round is computed as it is alone.

    Args:
        formula: of tensors without round axes.
        operands: what it is given, each with how many axes it has beside those of rounds; the rounds of one without
            them all take the same.
    """
    tensors = [tensor for tensor, _ in operands]
    leading = [tensor.shape[: tensor.dim() - axes] for tensor, axes in operands]
    rounds = functools.reduce(torch.broadcast_shapes, leading)
    if not rounds:
        return formula(*tensors)
    flat = [
        tensor.expand(*rounds, *tensor.shape[len(own) :]).flatten(0, len(rounds) - 1)
        for tensor, own in zip(tensors, leading, strict=True)
    ]
    results = [formula(*(tensor[index] for tensor in flat)) for index in range(rounds.numel())]
    return torch.stack(results).view(*rounds, *results[0].shape)
