"""The states of torch's generators of random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def random_state(device: torch.device, generators: Sequence[Generator] = ()) -> list[Tensor]:
    """The state of the CPU's default generator, of the device's where it has one, and of others."""
    states = [torch.get_rng_state(), *(generator.get_state() for generator in generators)]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def set_random_state(device: torch.device, generators: Sequence[Generator], states: Sequence[Tensor]) -> None:
    """Go back to what `random_state` gave."""
    torch.set_rng_state(states[0])
    for generator, state in zip(generators, states[1:], strict=False):
        generator.set_state(state)
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[-1], device)


def same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(map(torch.equal, one, other))
