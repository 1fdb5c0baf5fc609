"""A component of minidl and its counterpart in PyTorch: how the arguments of one are those of the other."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from against_pytorch.inputs import Input
from minidl_core.plugins import registry
from minidl_core.spec.component import constructor

SWITCHES = {"inplace", "device", "dtype", "size_average", "reduce", "reduction", "sparse"}
IMPLEMENTATIONS = {"foreach", "fused", "differentiable", "capturable"}
"""Arguments that choose how PyTorch computes or stores something, and not what; `reduction` is a matter of losses."""


class Disagreement(Exception):
    """The two do not do the same: an argument has no counterpart, or numbers or shapes differ."""


@dataclass(frozen=True)
class Pair(ABC):
    """A component and its counterpart.

    Arguments of the same name are the same argument; a tensor is a list. One that ours lacks must have the value that
    `fixed` says, else PyTorch's default.
    """

    kind: ClassVar[str]
    tolerance: ClassVar[float]

    component: str
    theirs: type[Any]
    fixed: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """What ours always is. PyTorch's inputs that say something else are those of another component."""
    changed: Callable[[Input], Mapping[str, Any]] = field(default=lambda _: {}, kw_only=True)
    """What ours is given in the place of PyTorch's arguments of these names, where the values are others."""
    elsewhere: frozenset[str] = field(default=frozenset(), kw_only=True)
    """PyTorch's arguments that ours lacks and heeds all the same: they weigh rows, or `changed` is made of them."""

    @abstractmethod
    def inputs(self) -> list[Input]:
        """What PyTorch tests its own with."""

    @abstractmethod
    def differences(self, given: Input) -> Iterable[float]:
        """How far the two are apart in each tensor that they compute from an input. Raises Disagreement."""

    def own_inputs(self) -> list[Input]:
        """The inputs that are this component's."""
        return [one for one in self.inputs() if all(one.arguments[name] == value for name, value in self.fixed.items())]

    def judge(self, given: Input) -> float:
        """The largest difference. Raises Disagreement where it is above the tolerance."""
        with warnings.catch_warnings(action="ignore"):  # PyTorch's, of what will be otherwise some day
            largest = max(self.differences(given))
        if not largest <= self.tolerance:
            raise Disagreement(f"{self.component} and {self.theirs.__name__} differ by {largest:.1e} on {given.name}")
        return largest

    def build(self, given: Input) -> Any:
        """Ours, with the arguments of theirs."""
        ours = registry().find(self.kind, self.component).load()
        taken = constructor(ours).parameters
        theirs = inspect.signature(self.theirs).parameters
        built = {}
        heeded = SWITCHES | IMPLEMENTATIONS | self.fixed.keys() | self.elsewhere
        for name, value in {**given.arguments, **self.changed(given)}.items():
            if name in taken:
                built[name] = value.tolist() if isinstance(value, Tensor) else value
            elif name not in heeded and value != theirs[name].default:
                raise Disagreement(f"{self.component} has no {name}={value}")
        several = [one for name, kept in taken.items() if kept.kind is kept.VAR_POSITIONAL for one in built.pop(name)]
        return ours(*several, **built)


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest |ours - theirs| / max(1, |theirs|) of all numbers; NaN is as NaN, and as nothing else."""
    theirs = theirs.detach().to_dense()
    if ours.shape != theirs.shape:
        raise Disagreement(f"shape {list(ours.shape)} and not {list(theirs.shape)}")
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    apart = ((ours - theirs).abs() / theirs.abs().clamp(min=1)).masked_fill(same, 0)
    apart = apart.nan_to_num(nan=torch.inf)
    return float(apart.max()) if apart.numel() else 0.0
