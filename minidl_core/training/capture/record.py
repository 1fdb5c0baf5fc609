"""A plain run, watched: which torch functions it calls, on what."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from minidl_core.training.capture.operations import Memory, Operation, Value, replaced
from minidl_core.training.capture.random_state import random_state, same

ABOUT_SHAPES = {
    "__hash__", "__len__", "can_cast", "dim", "element_size", "get_device", "is_complex", "is_contiguous",
    "is_floating_point", "is_same_size", "is_signed", "is_tensor", "ndimension", "nelement", "numel", "result_type",
    "size", "storage_offset", "stride", "type",
}  # fmt: skip
"""Functions of tensors that give something else than tensors, and never look at their numbers."""


class Recorder(TorchFunctionMode):
    """Records what is called within `with recorder:`. The calls are done as always, and may not be changed by it.

    `obstacle` says why the record cannot stand for a run of its own: numbers of a tensor went into Python.

    Args:
        device: where the tensors are.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device
        self.operations: list[Operation] = []
        self.obstacle: str | None = None
        # A tensor of the step may be gone before the step ends, and another have its id.
        self._known: dict[int, tuple[weakref.ref[Tensor], Value]] = {}
        self._outside: dict[int, Memory] = {}

    def value(self, tensor: Tensor) -> Value:
        """The value that a tensor is: of the step, or from outside of it."""
        reference, value = self._known.get(id(tensor), (None, None))
        if value is not None and reference is not None and reference() is tensor:
            return value
        storage = tensor.untyped_storage()
        memory = self._outside.setdefault(storage._cdata, Memory(tensor))
        return self._remember(tensor, memory)

    def copied(self, source: Tensor, target: Tensor) -> None:
        """Record a copy that nobody has made."""
        into = self.value(target)
        self.operations.append(Operation(Tensor.copy_, (into, self.value(source)), {}, (), (into,)))

    def _remember(self, tensor: Tensor, memory: Memory) -> Value:
        value = Value.of(tensor, memory)
        self._known[id(tensor)] = weakref.ref(tensor), value
        return value

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        versions = [tensor._version for tensor in given]
        state = random_state(self._device)
        result = function(*args, **kwargs)
        results = _tensors(result)
        changed = [tensor for tensor, version in zip(given, versions, strict=True) if tensor._version != version]
        if not results and not changed:
            if given and result is not None and not _is_about_shapes(function):
                self.obstacle = self.obstacle or f"'{function.__name__}' gives Python the numbers of a tensor"
            return result
        values = [self.value(tensor) for tensor in given]
        storages = {tensor.untyped_storage()._cdata: value.memory for tensor, value in zip(given, values, strict=True)}
        outputs = []
        for tensor in results:
            memory = storages.get(tensor.untyped_storage()._cdata)
            if memory is None:
                outputs.append(self._remember(tensor, Memory()))
            elif not any(tensor is one for one in given):
                self._remember(tensor, memory)  # a view
        draws = kwargs.get("generator") is not None or not same(state, random_state(self._device))
        if outputs or changed or draws:
            changes = tuple(map(self.value, changed))
            args, kwargs = replaced((args, kwargs), Tensor, self.value)
            self.operations.append(Operation(function, args, kwargs, tuple(outputs), changes, draws))
        return result


def _tensors(arguments: Any) -> Sequence[Tensor]:
    """The tensors among arguments, at any depth."""
    found: list[Tensor] = []
    replaced(arguments, Tensor, found.append)
    return found


def _is_about_shapes(function: Callable[..., Any]) -> bool:
    # The getter of a property: x.shape, x.dtype.
    return function.__name__ in ABOUT_SHAPES or function.__name__ == "__get__"
