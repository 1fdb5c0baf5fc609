"""Every optimizer of the plugin with some of its hyperparameters, and PyTorch's class that it must equal.

PyTorch's hyperparameters have the same names, so that its optimizer is built from the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from minidl_core.nn import FlatParameters, Linear
from minidl_core.optim import Optimizer
from minidl_core.spec import build_component


@dataclass(frozen=True)
class Case:
    """A canonical spec, and its peer in PyTorch."""

    spec: str
    peer_class: type[torch.optim.Optimizer]

    @property
    def name(self) -> str:
        return self.spec.partition("(")[0]

    def build(self) -> Optimizer:
        optimizer: Optimizer = build_component("optimizer", self.spec)
        return optimizer

    def peer(self, weights: list[Tensor], **arguments: Any) -> torch.optim.Optimizer:
        """PyTorch's optimizer with these arguments, or those of the spec."""
        arguments = arguments or self.build().arguments
        if "betas" in arguments:
            arguments = {**arguments, "betas": tuple(map(float, arguments["betas"]))}
        return self.peer_class(weights, **arguments)


CASES = [
    Case("momentum", torch.optim.SGD),
    Case("momentum(lr=0.03,momentum=0)", torch.optim.SGD),
    Case("momentum(lr=0.03,momentum=0.5)", torch.optim.SGD),
    Case("momentum(nesterov=true)", torch.optim.SGD),
    Case("momentum(lr=0.02,momentum=0.7,nesterov=true)", torch.optim.SGD),
    Case("rmsprop", torch.optim.RMSprop),
    Case("rmsprop(lr=0.03,alpha=0.9)", torch.optim.RMSprop),
    Case("rmsprop(alpha=0,eps=0.001)", torch.optim.RMSprop),
    Case("adagrad", torch.optim.Adagrad),
    Case("adagrad(lr=0.2,eps=0.001)", torch.optim.Adagrad),
    Case("adam", torch.optim.Adam),
    Case("adam(lr=0.05,betas=[0.8,0.9])", torch.optim.Adam),
    Case("adam(betas=[0,0.5],eps=0.01)", torch.optim.Adam),
    Case("adamw", torch.optim.AdamW),
    Case("adamw(lr=0.05,weight_decay=0)", torch.optim.AdamW),
    Case("adamw(lr=0.02,betas=[0.5,0.95],eps=0.0001,weight_decay=0.3)", torch.optim.AdamW),
]


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    return CASES


@pytest.fixture(params=CASES, ids=lambda case: case.spec, scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture(params={case.name: case for case in CASES}.values(), ids=lambda case: case.name, scope="session")
def one_case(request: pytest.FixtureRequest) -> Case:
    """One case of each optimizer, the last."""
    return request.param


@pytest.fixture(scope="session")
def parameters_of() -> Callable[[Tensor], FlatParameters]:
    """Makes parameters with given values, `[*rounds, P]`."""

    def make(values: Tensor) -> FlatParameters:
        seeds = range(values.shape[:-1].numel())
        parameters = Linear(values.shape[-1], 1, bias=False).initialize(seeds, dtype=torch.float64).parameters
        parameters.values.copy_(values)
        return parameters

    return make
