"""PyTorch's inputs that a component does not support: which, why, and what is judged in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from against_pytorch.inputs import Input


@dataclass(frozen=True)
class NotSupported:
    """Inputs of one component."""

    component: str
    holds: Callable[[Input], bool]
    """Whether an input is one of them."""
    reason: str
    instead: Callable[[Input], Input] | None = None
    """An input like it that is judged in its place; the reason says what is changed."""


def has_negative_weight(given: Input) -> bool:
    """Whether a class weighs less than nothing."""
    weight = given.arguments["weight"]
    return weight is not None and bool((weight < 0).any())


def without_signs_of_weights(given: Input) -> Input:
    """The same input, with all weights of classes positive."""

    def build() -> nn.Module:
        module: nn.Module = given.build()
        module.weight = given.arguments["weight"].abs()
        return module

    arguments = {**given.arguments, "weight": given.arguments["weight"].abs()}
    return replace(given, build=build, arguments=arguments)


NOT_SUPPORTED: tuple[NotSupported, ...] = (
    NotSupported(
        "batch_norm",
        lambda given: given.arguments["affine"] and not given.arguments["bias"],
        "a weight has a bias beside it, or there is neither",
    ),
    NotSupported(
        "softplus",
        lambda given: given.arguments["threshold"] < 0,
        "a threshold below 0, of which the output is not continuous, is refused",
    ),
    NotSupported(
        "cross_entropy",
        has_negative_weight,
        "a class weight below 0 is refused; judged with the weights' absolute values",
        instead=without_signs_of_weights,
    ),
)


def not_supported(component: str, given: Input) -> NotSupported | None:
    """The entry for an input of a component, where it is not supported."""
    found = [entry for entry in NOT_SUPPORTED if entry.component == component and entry.holds(given)]
    return found[0] if found else None
