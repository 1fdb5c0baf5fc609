"""What is taken where nothing is asked for: a model, a loss, an optimizer, by what the data is."""

from __future__ import annotations

import contextlib
import logging

from minidl_core.errors import UnknownNameError
from minidl_core.losses import Loss
from minidl_core.nn import Module, Sequential
from minidl_core.plugins import registry

log = logging.getLogger("minidl")

LEAST_WIDTH, GREATEST_WIDTH = 32, 256


def default_model(inputs: int, outputs: int, loss: Loss | None = None) -> str:
    """Two hidden layers of ReLUs; their width is the least power of two, 32 to 256, from inputs and outputs up.

    It ends in the layer that the loss is of, where that is installed.
    """
    width = min(max(LEAST_WIDTH, 1 << (max(inputs, outputs) - 1).bit_length()), GREATEST_WIDTH)
    last = loss.last_layer if loss is not None else None
    ending = f"-{last}" if last is not None and last in registry().names("layer") else ""
    return f"linear(_,{width})-relu-linear({width},{width})-relu-linear({width},_){ending}"


def warn_of_last_layer(loss: Loss, model: Sequential) -> None:
    """Say so where a loss is of what some layer gives, and the model ends in plain sums."""
    if loss.last_layer is not None and (last := _last(model)).named_parameters():
        log.warning(
            "the loss %s is of what %s gives, and the model ends in %s; append -%s to it", loss, loss.last_layer, last,
            loss.last_layer,
        )  # fmt: skip


def _last(model: Sequential) -> Module:
    """The layer that a model ends in, at any depth of chains."""
    last: Module = model
    while isinstance(last, Sequential):
        *_, (_, last) = last.children()
    return last


def default_loss(classes: tuple[str, ...] | None, model: Sequential, inputs: int) -> str:
    """The cross entropy for classes, where it is installed, else the mean squared error.

    A model with a single output for two classes takes the binary one. One that ends in an activation has no logits,
    which the cross entropies are of, and takes the mean squared error.
    """
    if classes is None or not _last(model).named_parameters():
        return "mse"
    is_single = model.output_shape((inputs,)) == (1,)
    return _first_installed("loss", "binary_cross_entropy" if is_single else "cross_entropy", "mse")


def default_optimizer() -> str:
    """Adam, where it is installed, else stochastic gradient descent."""
    return _first_installed("optimizer", "adam", "sgd")


def default_schedule(has_optimizer: bool) -> str:
    """The learning rate of an optimizer that someone chose stays; that of the default one falls to 0 as a cosine."""
    return "constant" if has_optimizer else "cosine"


def _first_installed(kind: str, *names: str) -> str:
    """The first name that stands for a component here; one that several plugins claim does not."""
    for name in names[:-1]:
        with contextlib.suppress(UnknownNameError):
            registry().find(kind, name)
            return name
    return names[-1]
