"""PyTorch as it is mostly used: torch.nn, autograd, torch.optim. Rounds train one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmarks.peers.peer import Peer
from benchmarks.problem import Problem
from benchmarks.workloads import Workload

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
LOSSES = {"mse": nn.MSELoss, "cross_entropy": nn.CrossEntropyLoss}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
ENOUGH_STEPS = 2000
"""Members of many rounds are trained until they have taken so many steps together, at least one."""


def network(workload: Workload) -> nn.Sequential:
    """The layers, with weights of their own."""
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(zip(workload.sizes, workload.sizes[1:], strict=False)):
        layers.append(nn.Linear(inputs, outputs))
        layers += [ACTIVATIONS[name]() for name in workload.activations[index : index + 1]]
    return nn.Sequential(*layers)


def take_weights(model: nn.Sequential, weights: list[tuple[Tensor, Tensor]]) -> nn.Sequential:
    """Give the linear layers minidl's weights, which are `[in, out]`."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for linear, (weight, bias) in zip(linears, weights, strict=True):
            linear.weight.copy_(weight.mT)
            linear.bias.copy_(bias)
    return model


class Eager(Peer):
    """Rows are put in order once an epoch, and batches are views of them: cheaper than a selection a step."""

    options: ClassVar[dict[str, Any]]

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        workload = problem.workload
        members = max(1, min(workload.rounds, ENOUGH_STEPS // workload.steps))
        self.members = [problem.member(index) for index in range(members)]
        self.share = members / workload.rounds

    def reset(self) -> None:
        workload = self.problem.workload
        self.models = [take_weights(network(workload).to(member.device), member.weights) for member in self.members]
        self.optimizers = [
            OPTIMIZERS[workload.optimizer](model.parameters(), lr=workload.lr, **self.options) for model in self.models
        ]
        self.loss = LOSSES[workload.loss]()

    def train(self) -> None:
        trainings = zip(self.members, self.models, self.optimizers, strict=True)
        self.histories = [self.train_one(*training) for training in trainings]

    def train_one(self, problem: Problem, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
        """The losses of the steps of each epoch."""
        loss = self.loss
        history = []
        for order in problem.orders:
            losses = []
            for x, target in self.batches(problem, order):
                optimizer.zero_grad()
                value = loss(model(x), target)
                value.backward()
                optimizer.step()
                losses.append(value.detach())
            history.append(torch.stack(losses))
        return history

    def batches(self, problem: Problem, order: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        """The batches of an epoch."""
        features, target, size = problem.examples.features, problem.examples.target, problem.workload.batch_size
        if self.spares_memory:
            return ((features[rows], target[rows]) for rows in order.split(size))
        return zip(features[order].split(size), target[order].split(size), strict=True)

    def losses(self) -> list[float]:
        return [loss for history in self.histories for loss in self.problem.epoch_loss(history[-1])]


class Plain(Eager):
    """Each parameter is updated on its own."""

    options: ClassVar[dict[str, Any]] = {"foreach": False}


class Foreach(Eager):
    """Parameters are updated in lists."""

    options: ClassVar[dict[str, Any]] = {"foreach": True}


class Fused(Eager):
    """The whole update is one kernel."""

    options: ClassVar[dict[str, Any]] = {"fused": True}
