"""What goes through each layer of a model, forward and backward, without a trace in the model."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor

from minidl_core.data.rounds import Examples
from minidl_core.losses import Loss
from minidl_core.nn import Module
from minidl_core.nn.member_by_member import MemberByMember
from minidl_core.nn.saved import forget_saved, saved_names

_NOTHING = torch.empty(0)
HARDLY = 1e-3
"""Of a gradient. A sigmoid lets a quarter through at most, and so little where its input is beyond 7."""


class Passage:
    """A layer with none within it, and the tensors of its last pass, both ways."""

    def __init__(self, layer: Module) -> None:
        self.layer = layer
        self.has_parameters = bool(layer.named_parameters())
        self.x = self.y = self.dy = self.dx = _NOTHING
        self._forward, self._backward = layer.forward, layer.backward
        vars(layer).update(forward=self.forward, backward=self.backward)  # whoever calls the layer comes by here

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.y = x, self._forward(x)
        return self.y

    def backward(self, dy: Tensor) -> Tensor:
        self.dy, self.dx = dy, self._backward(dy)
        return self.dx

    @property
    def mirrored_dx(self) -> Tensor:
        """What -x would let through of the same gradient; what there is to ask last."""
        self._forward(-self.x)
        return self._backward(self.dy)

    @property
    def is_closed(self) -> Tensor:
        """1 where hardly any of the gradient passes, else 0."""
        return ((self.dx.abs() <= HARDLY * self.dy.abs()) & (self.dy != 0)).to(self.dy)

    @property
    def is_above(self) -> Tensor:
        """0 where the output is exactly 0, else 1."""
        return (self.y != 0).to(self.y)


class Double:
    """The layers of a model a second time, with the same parameters, and a loss a second time.

    What layers remember beside their parameters is a copy, brought up to date before each pass, and a pass is one in
    evaluation, where nothing is drawn. So a training goes on after it as if there had been none.
    """

    def __init__(self, model: Module, loss: Loss) -> None:
        shared: list[Any] = [*model.named_parameters().values(), model.parameters]
        for component in [*model.layers_within().values(), loss]:
            shared += [vars(component).get(name) for name in saved_names(type(component))]
        self._parameters = model.parameters
        self._double, self._loss = copy.deepcopy((model, loss), {id(one): one for one in shared})
        self._double.eval()
        originals, doubles = model.layers_within(), self._double.layers_within()
        self._pairs = [(originals[place], doubles[place]) for place in doubles]
        self.passages: dict[str, list[Passage]] = {}
        """By place, in the model's order: one for all rounds, or one a round where these have layers of their own."""
        for place, layer in doubles.items():
            if next(layer.children(), None) is None:
                own = place.partition(".")[2] if isinstance(model, MemberByMember) else place
                self.passages.setdefault(own, []).append(Passage(layer))

    def forward(self, examples: Examples) -> Tensor:
        """The loss of each round, `[*rounds]`."""
        for original, double in self._pairs:
            for name, value in vars(original).items():
                if isinstance(value, Tensor) and name not in saved_names(type(original)):
                    setattr(double, name, value.clone())
                elif isinstance(value, (bool, int, float, str)) and name != "training":
                    setattr(double, name, value)
        return self._loss.forward(self._double.forward(examples.features), examples.target)

    def backward(self) -> Tensor:
        """After `forward`: the gradients, `[*rounds, P]`. Those of the parameters stay what they were."""
        before = self._parameters.grads.clone()
        try:
            self._double.backward(self._loss.backward())
            return self._parameters.grads.clone()
        finally:
            self._parameters.grads.copy_(before)

    def sizes(self, name: str, places: list[str]) -> dict[str, list[float]]:
        """The root mean square of an attribute of some layers' passages, such as `dy`, of each round."""
        if not places:
            return {}
        rounds, found = math.prod(self._parameters.rounds), []
        for place in places:
            for passage in self.passages[place]:
                each = getattr(passage, name).reshape(rounds // len(self.passages[place]), -1)
                found.append(torch.linalg.vector_norm(each, dim=-1) / each.shape[-1] ** 0.5)
        numbers = torch.cat(found).reshape(len(places), -1).tolist()
        return dict(zip(places, numbers, strict=True))

    def forget(self) -> None:
        """Let go of the tensors of the last pass."""
        for passages in self.passages.values():
            for passage in passages:
                passage.x = passage.y = passage.dy = passage.dx = _NOTHING
        for component in [*(double for _, double in self._pairs), self._loss]:
            forget_saved(component)
