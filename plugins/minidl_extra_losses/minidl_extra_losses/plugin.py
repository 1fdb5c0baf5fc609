"""What this plugin brings: names and where their classes are, nothing imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidl_core import hookimpl

if TYPE_CHECKING:
    from minidl_core.registry import Registrar


@hookimpl
def minidl_register_components(registry: Registrar) -> None:
    package = "minidl_extra_losses"
    registry.loss(
        "cross_entropy", f"{package}.cross_entropy:CrossEntropy", summary="softmax cross entropy of logits, for classes"
    )
    registry.loss(
        "binary_cross_entropy",
        f"{package}.binary_cross_entropy:BinaryCrossEntropy",
        summary="sigmoid cross entropy of logits, each output a yes or no",
    )
    registry.loss("huber", f"{package}.huber:Huber", summary="quadratic near zero, linear beyond delta")
    registry.loss(
        "log_cosh", f"{package}.log_cosh:LogCosh", summary="log cosh of the error, smooth between mse and mae"
    )
    registry.loss("hinge", f"{package}.hinge:Hinge", summary="multi-class hinge of Weston and Watkins")
