"""The buffers of a model's layers in its file."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from minidl_core.errors import ModelFileError
from minidl_core.nn import Module
from minidl_core.nn.buffers import buffers_of
from minidl_core.nn.member_by_member import MemberByMember, for_rounds, in_rounds, layers_without_rounds
from minidl_core.persistence.tensor_file import TensorFile
from minidl_core.persistence.tensor_header import Declared

log = logging.getLogger("minidl")

PREFIX = "buffer:"
"""Of their names in a file, which no parameter's name has: `buffer:1.mean`, `buffer:round0.1.mean`."""


def buffers_to_save(model: Module, fresh: Module) -> dict[str, Tensor]:
    """The buffers by their names in a file; `fresh` is a model as it will be built from the spec.

    Where rounds are computed one by one each has its own. A tensor that a new layer does not have is left out, and this
    is told once. Raises ModelFileError where a new layer could not be given them.
    """
    if not any(map(buffers_of, model.layers_within().values())):
        return {}
    found = {}
    for place, new, layer in _side_by_side(in_rounds(model), fresh):
        for name, buffer in buffers_of(layer).items():
            if name not in buffers_of(new):
                _tell_left_out(type(layer).__name__, name)
                continue
            found[f"{PREFIX}{place}.{name}"] = buffer
    declared = {name: Declared(buffer.dtype, tuple(buffer.shape)) for name, buffer in found.items()}
    require_buffers(declared, fresh, model.parameters.rounds)
    return found


def require_buffers(declared: Mapping[str, Declared], fresh: Module, rounds: tuple[int, ...]) -> None:
    """Raise ModelFileError where the buffers of a file are not those that a new model has, in rounds."""
    given = {name.removeprefix(PREFIX): one for name, one in declared.items() if name.startswith(PREFIX)}
    each = {f"{place}.{name}": buffer for place, name, buffer in _named(fresh)}
    one_by_one = rounds if layers_without_rounds(fresh) else ()
    members = [f"round{r}." for r in range(one_by_one[0])] if one_by_one else [""]
    if len(given) != len(members) * len(each) or not all(member + name in given for member in members for name in each):
        raise ModelFileError(
            f"its buffers {_few(given)} are not those of '{fresh}', which has {_few(each)}"
            + (f" in each of {one_by_one[0]} rounds" if one_by_one else "")
        )
    for member in members:
        for name, buffer in each.items():
            _require_fits(name, buffer, given[member + name], () if one_by_one else rounds)


def read_buffers(opened: TensorFile, model: Module) -> None:
    """Give the layers of a model the buffers of a file, for which `require_buffers` holds."""
    if any(name.startswith(PREFIX) for name in opened.declared):
        for place, layer in for_rounds(model).layers_within().items():
            for name in buffers_of(layer):
                vars(layer)[name] = opened.tensor(f"{PREFIX}{place}.{name}")


def _side_by_side(model: Module, fresh: Module) -> Iterator[tuple[str, Module, Module]]:
    """Each layer that computes with its place, and the new one that will have it."""
    new = fresh.layers_within()
    is_apart = isinstance(model, MemberByMember)
    for place, layer in model.layers_within().items():
        if not is_apart:
            yield place, new[place], layer
        elif place:  # round0.1 is layer 1
            yield place, new[place.partition(".")[2]], layer


def _named(model: Module) -> Iterator[tuple[str, str, Tensor]]:
    for place, layer in model.layers_within().items():
        for name, buffer in buffers_of(layer).items():
            yield place, name, buffer


def _require_fits(name: str, new: Tensor, given: Declared, rounds: tuple[int, ...]) -> None:
    shapes = dict.fromkeys([tuple(new.shape), (*rounds, *new.shape)])
    if given.shape not in shapes or _kind(given.dtype) != _kind(new.dtype):
        expected = " or ".join(str(list(shape)) for shape in shapes)
        raise ModelFileError(
            f"its buffer '{name[:100]}' is {given.dtype} of shape {list(given.shape)}, and a new layer has "
            f"{new.dtype} of shape {expected}; a layer makes in __init__ what it learns, in its shape, and declares "
            "what forward keeps for backward as saved()"
        )


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return "complex"
    if dtype.is_floating_point:
        return "real"
    return "boolean" if dtype == torch.bool else "whole"


def _few(names: Mapping[str, object]) -> str:
    return f"{sorted(names)[:5]}"[:500] + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@functools.cache
def _tell_left_out(layer: str, name: str) -> None:
    """Once, since a training may save its model often."""
    log.warning(
        "'%s' of %s is not in the model file, since a new %s has no such tensor; a layer makes in __init__ what it "
        "learns, and declares what forward keeps for backward as saved()",
        *(name, layer, layer),
    )
