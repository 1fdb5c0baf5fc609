"""What layers learn beside their parameters, such as running means: the field calls these tensors buffers."""

from __future__ import annotations

from torch import Tensor

from minidl_core.nn.module import Module
from minidl_core.nn.saved import saved_names


def buffers_of(layer: Module) -> dict[str, Tensor]:
    """The tensors among a layer's attributes by name, but for what `forward` keeps for `backward`, see `saved`."""
    saved = saved_names(type(layer))
    return {name: value for name, value in vars(layer).items() if isinstance(value, Tensor) and name not in saved}
