"""A plain run, watched: which torch functions it calls, on what."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from minidl_core.training.capture.operations import Memory, Operation, Value, replaced
from minidl_core.training.capture.random_state import random_state, same

_TORCH = Path(torch.__file__).parent

ABOUT_SHAPES = {
    "__len__", "can_cast", "dim", "element_size", "get_device", "is_complex", "is_contiguous",
    "is_floating_point", "is_same_size", "is_signed", "is_tensor", "ndimension", "nelement", "numel", "result_type",
    "size", "storage_offset", "stride", "type",
}  # fmt: skip
"""Functions of tensors that give something else than tensors, and never look at their numbers."""


SHAPED_BY_NUMBERS = {
    "argwhere", "combinations", "masked_select", "nonzero", "repeat_interleave", "unique", "unique_consecutive",
}  # fmt: skip
"""Functions whose result has a shape that the numbers decide."""


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
        self.generators: list[torch.Generator] = []
        """Those that numbers were drawn from, beside the default ones."""
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

    def kept(self, tensor: Tensor) -> Value:
        """Record a copy in a place of its own, that nothing else in the step has to do with."""
        copy = Value.new(tensor.dtype, tuple(tensor.shape))
        self.operations.append(Operation(torch.clone, (self.value(tensor),), {}, (copy,)))
        return copy

    def _remember(self, tensor: Tensor, memory: Memory) -> Value:
        value = Value.of(tensor, memory)
        self._known[id(tensor)] = weakref.ref(tensor), value
        return value

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        versions, geometries = [one._version for one in given], [_geometry(one) for one in given]
        state = random_state(self._device)
        result = function(*args, **kwargs)
        results = _tensors(result)
        changed = [one for one, version in zip(given, versions, strict=True) if one._version != version]
        if reason := self._reason(function, args, given, results, changed):
            self.hinder(f"{_line_of_caller()} {reason}")
        elif geometries != [_geometry(one) for one in given]:
            self.hinder(f"{_line_of_caller()} changes the shape of a tensor in place ('{function.__name__}')")
        if results or changed:
            self._record(function, args, kwargs, results, changed, not same(state, random_state(self._device)))
        return result

    def hinder(self, obstacle: str) -> None:
        """Say why the record cannot stand for a run of its own; the first reason stays."""
        self.obstacle = self.obstacle or obstacle

    def _reason(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        given: Sequence[Tensor],
        results: Sequence[Tensor],
        changed: Sequence[Tensor],
    ) -> str | None:
        """What a call does that a replay could not do as it should; None for nothing."""
        name = function.__name__
        by_mask = name == "__getitem__" and any(one.dtype in (torch.bool, torch.uint8) for one in given[1:])
        if by_mask or (name in SHAPED_BY_NUMBERS and given) or (name == "where" and len(args) == 1):
            return f"makes a tensor whose shape depends on numbers ('{name}')"
        # The getter of a property, such as x.shape, is about shapes too.
        if given and not results and not changed and name not in ABOUT_SHAPES and name != "__get__":
            return f"gives Python the numbers of a tensor ('{name}')"
        return None

    def _record(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        results: Sequence[Tensor],
        changed: Sequence[Tensor],
        draws: bool,
    ) -> None:
        given = _tensors((args, kwargs))
        storages = {one.untyped_storage()._cdata: self.value(one).memory for one in given}
        outputs = []
        for tensor in results:
            memory = storages.get(tensor.untyped_storage()._cdata)
            if memory is None:
                outputs.append(self._remember(tensor, Memory()))
            elif not any(tensor is one for one in given):
                self._remember(tensor, memory)  # a view
        if kwargs.get("generator") is not None:
            self.generators.append(kwargs["generator"])
            draws = True
        if outputs or changed or draws:
            changes = tuple(map(self.value, changed))
            args, kwargs = replaced((args, kwargs), Tensor, self.value)
            self.operations.append(Operation(function, args, kwargs, tuple(outputs), changes, draws))


def _tensors(arguments: Any) -> Sequence[Tensor]:
    """The tensors among arguments, at any depth."""
    found: list[Tensor] = []
    replaced(arguments, Tensor, found.append)
    return found


def _geometry(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.data_ptr()


def _line_of_caller() -> str:
    """The line of the component that calls torch: `line 40 of kinky.py`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        frame.f_code.co_filename == __file__ or _TORCH in Path(frame.f_code.co_filename).parents
    ):
        frame = frame.f_back
    return f"line {frame.f_lineno} of {Path(frame.f_code.co_filename).name}"
