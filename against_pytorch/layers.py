"""Layers: output, gradients of the input and of every parameter, and what they learn beside parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from against_pytorch.inputs import Input, module_inputs
from against_pytorch.pair import Disagreement, Pair, difference
from minidl_core.nn.buffers import buffers_of


@dataclass(frozen=True)
class LayerPair(Pair):
    """A layer and its counterpart."""

    kind: ClassVar[str] = "layer"
    tolerance: ClassVar[float] = 1e-7

    axes: int = 0
    """Of the smallest example that ours takes; an input of fewer axes than that and a batch is given what it lacks."""
    layouts: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    """PyTorch's parameters as ours have them, where they lie otherwise."""

    output: Callable[[Tensor], Tensor] = Tensor.clone
    """PyTorch's output, and the gradient of it, as ours has it."""

    def inputs(self) -> list[Input]:
        return module_inputs(self.theirs.__name__)

    def differences(self, given: Input) -> Iterator[float]:
        theirs, ours = given.module(), self.build(given).initialize([0], dtype=torch.float64).train(given.training)
        named, own = dict(theirs.named_parameters()), ours.named_parameters()
        if named.keys() != own.keys():
            raise Disagreement(f"{self.component} has the parameters {list(own)} and not {list(named)}")
        for name, parameter in own.items():
            parameter.value.copy_(self.as_ours(name, named[name]))
        for name in buffers_of(ours):
            setattr(ours, name, theirs.get_buffer(name).to(torch.float64, copy=True))

        [x] = given.tensors
        x = x.detach().clone().requires_grad_(x.is_floating_point())
        y = theirs(x)
        dy = torch.randn(y.shape, dtype=torch.float64)
        y.backward(dy)

        lacking = (None,) * max(self.axes + 1 - x.dim(), 0)
        own_y = ours.forward(x.detach()[lacking])
        own_dx = ours.backward(self.output(dy[lacking]))
        yield difference(own_y, self.output(y[lacking]))
        if x.grad is not None:
            yield difference(own_dx, x.grad[lacking])
        for name, parameter in own.items():
            gradient = named[name].grad
            assert gradient is not None
            yield difference(parameter.grad, self.as_ours(name, gradient))
        for name, buffer in buffers_of(ours).items():
            yield difference(buffer, theirs.get_buffer(name))

    def as_ours(self, name: str, tensor: Tensor) -> Tensor:
        """A parameter of PyTorch's, or its gradient, in our layout."""
        return self.layouts.get(name, Tensor.clone)(tensor.detach().to_dense())
