"""What a forward pass keeps for the backward pass."""

from __future__ import annotations

from typing import Any

from minidl_core.errors import CallOrderError


def saved() -> Any:
    """Declare a tensor that `forward` assigns and `backward` reads: `x: Tensor = saved()`.

    Reading it before it was assigned raises CallOrderError: `backward` was called before `forward`.
    """
    return _Saved()


class _Saved:
    # Without __set__, so that an assignment puts the tensor into the instance, where it is found first.
    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        raise CallOrderError(f"{owner.__name__}.backward was called before forward; call forward first")
