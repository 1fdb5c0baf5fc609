"""Rounds one after the other, for layers whose formulas have no round axis."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator

import torch
from torch import Tensor

from minidl_core.nn.module import Module

log = logging.getLogger("minidl")


def for_rounds(model: Module) -> Module:
    """What computes the model in all of its rounds: the model itself where its layers take them at once.

    Both have the same parameters in the same memory.
    """
    without = layers_without_rounds(model)
    if not without or not model.parameters.rounds:
        return model
    if model.member_by_member is None or model.member_by_member[0].parameters is not model.parameters:
        model.member_by_member = None
        log.warning("rounds are computed one after the other, which takes longer: %s takes no round axis", without[0])
        model.member_by_member = [MemberByMember(model)]
    [apart] = model.member_by_member
    assert isinstance(apart, MemberByMember)
    apart.take_settings(model)
    return apart


def layers_without_rounds(model: Module) -> list[Module]:
    """Those for whose sake the rounds are computed one after the other."""
    return [layer for layer in model.layers_within().values() if not layer.takes_rounds]


def in_rounds(model: Module) -> Module:
    """What has computed the model in all of its rounds, as it is: to look at it changes nothing."""
    apart = model.member_by_member
    return apart[0] if apart and apart[0].parameters is model.parameters else for_rounds(model)


class MemberByMember(Module):
    """A copy of a model for each of its rounds.

    What layers remember beside their parameters is each member's own, and no round's is the model's.

    Shapes: x is `[R, N, *features]`, and each member is given its own `[N, *features]`; or `[N, F]` for all alike.
    """

    def __init__(self, model: Module) -> None:
        self._flat = model.parameters
        self.members: list[Module] = []
        for r in range(self._flat.rounds[0]):
            member = copy.deepcopy(model)
            for name, parameter in member.named_parameters().items():
                whole = self._flat.named[name]
                parameter.bind(whole.value[r], whole.grad[r])
            self.members.append(member)

    def take_settings(self, model: Module) -> None:
        """Take over what someone has set in the model's layers; tensors are each member's own."""
        layers = model.layers_within()
        for member in self.members:
            for place, layer in member.layers_within().items():
                for name, value in vars(layers[place]).items():
                    if isinstance(value, (bool, int, float, str)) and name != "training":
                        setattr(layer, name, value)

    def children(self) -> Iterator[tuple[str, Module]]:
        for r, member in enumerate(self.members):
            yield f"round{r}", member

    def forward(self, x: Tensor) -> Tensor:
        of_rounds = x if x.dim() > 2 else [x] * len(self.members)
        return torch.stack([member.forward(own) for member, own in zip(self.members, of_rounds, strict=True)])

    def backward(self, dy: Tensor) -> Tensor:
        return torch.stack([member.backward(own) for member, own in zip(self.members, dy, strict=True)])

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.members[0].output_shape(shape)
