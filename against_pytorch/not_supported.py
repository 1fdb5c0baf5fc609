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


def pads_with_numbers(given: Input) -> bool:
    """Whether a convolution sees something else than zeros around its input."""
    return given.arguments["padding_mode"] != "zeros"


def has_no_middle(given: Input) -> bool:
    """Whether a convolution that keeps the size pads one side with more than the other."""
    sizes = zip(given.arguments["kernel_size"], given.arguments["dilation"], strict=True)
    return given.arguments["padding"] == "same" and any(dilation * (size - 1) % 2 for size, dilation in sizes)


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


def is_all_ignored(given: Input) -> bool:
    """Whether a mean is one over no rows."""
    _, labels = given.tensors
    return given.arguments["reduction"] == "mean" and bool((labels == given.arguments["ignore_index"]).all())


NOT_SUPPORTED: tuple[NotSupported, ...] = (
    *(NotSupported(of, pads_with_numbers, "padding is of zeros alone") for of in ("conv1d", "conv2d")),
    *(NotSupported(of, has_no_middle, "a kernel without a middle cannot keep the size") for of in ("conv1d", "conv2d")),
    NotSupported(
        "max_pool2d", lambda given: given.arguments["return_indices"], "the places of the maxima are no output"
    ),
    NotSupported(
        "global_avg_pool", lambda given: given.arguments["output_size"] != 1, "there is one mean a channel, and no grid"
    ),
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
        "a class weight below 0 is refused; among those judged, with the weights' absolute values",
        instead=without_signs_of_weights,
    ),
    NotSupported(
        "cross_entropy",
        is_all_ignored,
        "where all rows are ignored, the loss is NaN in both, but PyTorch's gradient is 0 and ours is NaN",
    ),
)


def not_supported(component: str, given: Input) -> NotSupported | None:
    """The entry for an input of a component, where it is not supported."""
    found = [entry for entry in NOT_SUPPORTED if entry.component == component and entry.holds(given)]
    return found[0] if found else None
