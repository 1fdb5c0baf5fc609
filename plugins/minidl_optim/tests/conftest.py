"""Every optimizer of the plugin with some of its hyperparameters, and PyTorch's class, or a plain one, as its oracle.

PyTorch's hyperparameters have the same names, so that its optimizer is built from the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """A canonical spec, and its peer: PyTorch's, or where it has none a second one, written from the paper."""

    spec: str
    peer_class: type[torch.optim.Optimizer]

    @property
    def name(self) -> str:
        return self.spec.partition("(")[0]

    def build(self) -> Optimizer:
        optimizer: Optimizer = build_component("optimizer", self.spec)
        return optimizer

    def peer(self, weights: list[Tensor], **arguments: Any) -> torch.optim.Optimizer:
        """PyTorch's optimizer with these arguments, or those of the spec; biases, of one axis, decay where they are to.

        A single tensor is a weight, whatever its axes.
        """
        arguments = dict(arguments or self.build().arguments)
        for pair in ("betas", "etas", "step_sizes"):
            if pair in arguments:
                arguments[pair] = tuple(map(float, arguments[pair]))
        if arguments.pop("decay_biases", True) or len(weights) == 1:
            return self.peer_class(weights, **arguments)
        biases = {"params": [one for one in weights if one.dim() == 1], "weight_decay": 0.0}
        return self.peer_class([{"params": [one for one in weights if one.dim() > 1]}, biases], **arguments)


class PlainLion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2, line by line, with the paper's names."""

    def __init__(self, weights: Any, **arguments: Any) -> None:
        super().__init__(weights, arguments)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for theta in group["params"]:
                g = -theta.grad if group["maximize"] else theta.grad
                m = self.state[theta].get("m", torch.zeros_like(theta))
                c = beta1 * m + (1 - beta1) * g
                theta.copy_(theta - group["lr"] * (c.sign() + group["weight_decay"] * theta))
                self.state[theta]["m"] = beta2 * m + (1 - beta2) * g


class PlainLAMB(PlainLion):
    """You et al. 2020, algorithm 2, line by line, with the paper's names; phi(z) = z."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for x in group["params"]:
                g = -x.grad if group["maximize"] else x.grad
                state = self.state[x]
                t = state["t"] = state.get("t", 0) + 1
                m = state["m"] = beta1 * state.get("m", torch.zeros_like(x)) + (1 - beta1) * g
                v = state["v"] = beta2 * state.get("v", torch.zeros_like(x)) + (1 - beta2) * g * g
                r = (m / (1 - beta1**t)) / (torch.sqrt(v / (1 - beta2**t)) + group["eps"])
                update = r + group["weight_decay"] * x
                trust = float(x.norm() / update.norm()) if x.any() and update.any() else 1.0
                x.copy_(x - group["lr"] * trust * update)


class PlainLARS(PlainLion):
    """You, Gitman and Ginsburg 2017, algorithm 1, line by line, with the paper's names."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            beta = group["weight_decay"]
            for w in group["params"]:
                g = -w.grad if group["maximize"] else w.grad
                divisor = float(g.norm() + beta * w.norm())
                local_lr = group["trust_coefficient"] * float(w.norm()) / divisor if w.any() and divisor else 1.0
                v = group["momentum"] * self.state[w].get("v", torch.zeros_like(w))
                v = self.state[w]["v"] = v + group["lr"] * local_lr * (g + beta * w)
                w.copy_(w - v)


PEERS: dict[str, type[torch.optim.Optimizer]] = {
    "momentum": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rprop": torch.optim.Rprop,
    "lion": PlainLion,
    "lamb": PlainLAMB,
    "lars": PlainLARS,
}
SPECS = [
    "momentum",
    "momentum(lr=0.03,momentum=0)",
    "momentum(lr=0.03,momentum=0,weight_decay=0.1,maximize=true)",
    "momentum(nesterov=true)",
    "momentum(lr=0.02,momentum=0.7,nesterov=true,weight_decay=0.1,decay_biases=false)",
    "momentum(lr=0.03,momentum=0.5,dampening=0.4)",
    "rmsprop",
    "rmsprop(alpha=0,eps=0.001)",
    "rmsprop(weight_decay=0.1,momentum=0.5,centered=true,decay_biases=false)",
    "rmsprop(lr=0.03,alpha=0.9,momentum=0.3,maximize=true)",
    "adagrad",
    "adagrad(lr=0.2,eps=0.001,initial_accumulator_value=0.3)",
    "adagrad(lr_decay=0.2,weight_decay=0.1,decay_biases=false,maximize=true)",
    "adadelta",
    "adadelta(lr=0.7,rho=0.8,eps=0.0001,weight_decay=0.1,decay_biases=false,maximize=true)",
    "adam",
    "adam(lr=0.05,betas=[0.8,0.9],maximize=true)",
    "adam(betas=[0,0.5],eps=0.01)",
    "adam(lr=0.01,weight_decay=0.1,amsgrad=true,decay_biases=false)",
    "adamw",
    "adamw(lr=0.05,weight_decay=0)",
    "adamw(lr=0.02,betas=[0.5,0.95],eps=0.0001,weight_decay=0.3,amsgrad=true,decay_biases=false,maximize=true)",
    "adamax",
    "adamax(lr=0.01,betas=[0.8,0.9],eps=0.0001,weight_decay=0.1,decay_biases=false,maximize=true)",
    "nadam",
    "nadam(lr=0.01,betas=[0.8,0.9],eps=0.0001,weight_decay=0.1,momentum_decay=0.006,maximize=true)",
    "nadam(weight_decay=0.1,decoupled_weight_decay=true,decay_biases=false)",
    "radam",
    "radam(lr=0.01,betas=[0.8,0.9],eps=0.0001,weight_decay=0.1,maximize=true)",
    "radam(betas=[0.9,0.6],weight_decay=0.1,decoupled_weight_decay=true,decay_biases=false)",
    "rprop",
    "rprop(lr=0.001,etas=[0.4,1.5],step_sizes=[0.0001,0.01],maximize=true)",
    "lion",
    "lion(lr=0.003,betas=[0.8,0.95],weight_decay=0.3,decay_biases=false,maximize=true)",
    "lamb",
    "lamb(lr=0.01,betas=[0.8,0.95],eps=0.001,weight_decay=0.3,decay_biases=false,maximize=true)",
    "lars",
    "lars(lr=0.5,momentum=0.5,trust_coefficient=0.01,weight_decay=0.3,decay_biases=false,maximize=true)",
]
CASES = [Case(spec, PEERS[spec.partition("(")[0]]) for spec in SPECS]


@pytest.fixture
def in_float64() -> Iterator[None]:
    """PyTorch keeps the numbers of NAdam's state in the default type, whatever that of the weights is."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


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
