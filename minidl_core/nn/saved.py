"""What a forward pass keeps for the backward pass."""

from __future__ import annotations

import functools
import inspect
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


@functools.cache
def saved_names(owner: type) -> frozenset[str]:
    """The names that a class and its bases declare so."""
    names = {name for base in owner.__mro__ for name in vars(base)}
    return frozenset(name for name in names if isinstance(inspect.getattr_static(owner, name), _Saved))


def forget_saved(instance: object) -> None:
    """Let go of what `forward` kept: `backward` then asks for another `forward`."""
    kind: Any = type(instance)
    for name in saved_names(kind):
        vars(instance).pop(name, None)
