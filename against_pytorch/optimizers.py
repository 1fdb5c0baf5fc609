"""Optimizers: the parameters after each of twenty steps, with new gradients in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.testing._internal.common_utils import set_default_dtype

from against_pytorch.inputs import Input, optimizer_inputs
from against_pytorch.pair import Pair, difference
from minidl_core.spec import build_model

STEPS = 20


@dataclass(frozen=True)
class OptimizerPair(Pair):
    """An optimizer and its counterpart."""

    kind: ClassVar[str] = "optimizer"
    tolerance: ClassVar[float] = 1e-8

    def inputs(self) -> list[Input]:
        return optimizer_inputs(self.theirs.__name__)

    def differences(self, given: Input) -> Iterator[float]:
        ours = self.build(given)
        model = build_model("linear(3,4)-tanh-linear(4,2)").initialize([0], dtype=torch.float64)
        own = list(model.named_parameters().values())
        parameters = [parameter.value.clone() for parameter in own]
        with set_default_dtype(torch.float64):  # else PyTorch counts steps, and what it computes of them, in float32
            theirs = given.build(parameters)
        for _ in range(STEPS):
            for parameter, flat in zip(parameters, own, strict=True):
                parameter.grad = torch.randn_like(parameter)
                flat.grad = parameter.grad
            with set_default_dtype(torch.float64):
                theirs.step()
            ours.step(model.parameters)
            for parameter, flat in zip(parameters, own, strict=True):
                yield difference(flat.value, parameter)
