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
    registry.optimizer("adam", "minidl_optim.adam:Adam", summary="momentum with steps scaled by recent gradients")
    registry.optimizer("adamw", "minidl_optim.adamw:AdamW", summary="adam with decoupled weight decay")
    registry.optimizer("ema", "minidl_optim.ema:EMA", summary="exponential moving average of another's weights")
    registry.optimizer("swa", "minidl_optim.swa:SWA", summary="mean of another's weights over many steps")
