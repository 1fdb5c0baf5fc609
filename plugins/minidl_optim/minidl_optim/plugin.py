"""What this plugin brings to minidl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minidl_core import hookimpl

if TYPE_CHECKING:
    from minidl_core.registry import Registrar


@hookimpl
def minidl_register_components(registry: Registrar) -> None:
    registry.optimizer("momentum", "minidl_optim.momentum:Momentum", summary="gradient descent with a velocity")
    registry.optimizer("rmsprop", "minidl_optim.rmsprop:RMSprop", summary="steps scaled by recent gradients")
    registry.optimizer("adagrad", "minidl_optim.adagrad:Adagrad", summary="steps scaled by all past gradients")
    registry.optimizer("adadelta", "minidl_optim.adadelta:Adadelta", summary="steps as large as the steps before")
    registry.optimizer("adam", "minidl_optim.adam:Adam", summary="momentum with steps scaled by recent gradients")
    registry.optimizer("adamw", "minidl_optim.adamw:AdamW", summary="adam with decoupled weight decay")
    registry.optimizer("adamax", "minidl_optim.adamax:Adamax", summary="adam scaled by the largest recent gradients")
    registry.optimizer("nadam", "minidl_optim.nadam:NAdam", summary="adam that looks one step ahead")
    registry.optimizer("radam", "minidl_optim.radam:RAdam", summary="adam that is careful in its first steps")
    registry.optimizer("rprop", "minidl_optim.rprop:Rprop", summary="a step size a weight, by the gradient's sign")
    registry.optimizer("lion", "minidl_optim.lion:Lion", summary="steps of one size, by the sign of a momentum")
    registry.optimizer("lamb", "minidl_optim.lamb:LAMB", summary="adam with steps in proportion to each layer")
    registry.optimizer("lars", "minidl_optim.lars:LARS", summary="momentum with steps in proportion to each layer")
    registry.optimizer("ema", "minidl_optim.ema:EMA", summary="exponential moving average of another's weights")
    registry.optimizer("swa", "minidl_optim.swa:SWA", summary="mean of another's weights over many steps")
