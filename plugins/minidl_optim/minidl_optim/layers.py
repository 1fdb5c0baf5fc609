"""Flat tensors, layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor

from minidl_core.nn.parameter import FlatParameters


def by_parameter(parameters: FlatParameters, flat: Tensor) -> tuple[Tensor, ...]:
    """A flat tensor `[*rounds, P]` as views `[*rounds, size]`, one for each named parameter."""
    return torch.split(flat, [parameter.size for parameter in parameters.named.values()], -1)


def norm(x: Tensor) -> Tensor:
    """‖x‖ of each round: `[*rounds, size]` -> `[*rounds, 1]`."""
    of_rounds: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return of_rounds


def ratio(size: Tensor, other: Tensor) -> Tensor:
    """size / other; 1 where either is 0, for which nothing can be said."""
    return torch.where((size > 0) & (other > 0), size / other, 1.0)
