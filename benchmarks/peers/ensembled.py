"""PyTorch with torch.func: all rounds as one computation, gradients by `grad_and_value`, members by `vmap`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmarks.peers.peer import Peer
from benchmarks.peers.pytorch import LOSSES, OPTIMIZERS, network, take_weights
from benchmarks.problem import Problem

Values = dict[str, Tensor]
Gradients = Callable[[Values, Tensor, Tensor], tuple[Values, Tensor]]


def first_values(problem: Problem) -> Values:
    """The parameters by name, `[*rounds, ...]`."""
    workload = problem.workload
    members = [
        take_weights(network(workload).to(problem.device), problem.member(r).weights) for r in range(workload.rounds)
    ]
    if workload.rounds == 1:
        return {name: value.detach() for name, value in members[0].named_parameters()}
    stacked, _ = stack_module_state(members)
    return {name: value.detach() for name, value in stacked.items()}


def gradients_of(problem: Problem) -> Gradients:
    """A function of parameters and a batch that gives the gradients and the loss of each round."""
    model, criterion = network(problem.workload).to(problem.device), LOSSES[problem.workload.loss]()

    def loss(values: Values, x: Tensor, target: Tensor) -> Tensor:
        return criterion(functional_call(model, values, (x,)), target)

    one: Gradients = grad_and_value(loss)
    return one if problem.workload.rounds == 1 else vmap(one)


def batches(problem: Problem, order: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The batches of an epoch, `[*rounds, batch, ...]`, of rows put in order at once."""
    features, target = problem.examples.features, problem.examples.target
    rows: tuple[Tensor, ...] = (order,)
    axis = 0
    if order.dim() > 1:
        rows, axis = (torch.arange(len(order), device=order.device).unsqueeze(-1), order), 1
    size = problem.workload.batch_size
    return list(zip(features[rows].split(size, axis), target[rows].split(size, axis), strict=True))


class Ensembled(Peer):
    """The update is torch.optim's fused one, of the stacked parameters."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.gradients = gradients_of(problem)

    def reset(self) -> None:
        workload = self.problem.workload
        self.values = first_values(self.problem)
        self.optimizer = OPTIMIZERS[workload.optimizer](self.values.values(), lr=workload.lr, fused=True)

    def train(self) -> None:
        self.history = []
        for order in self.problem.orders:
            losses = []
            for x, target in batches(self.problem, order):
                gradients, loss = self.gradients(self.values, x, target)
                for name, value in self.values.items():
                    value.grad = gradients[name]
                self.optimizer.step()
                losses.append(loss)
            self.history.append(torch.stack(losses))

    def losses(self) -> list[float]:
        return self.problem.epoch_loss(self.history[-1])
