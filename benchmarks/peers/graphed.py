"""PyTorch with the whole step captured in a CUDA graph by hand, as its notes on CUDA show."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.pytorch import Eager, take_weights
from benchmarks.problem import Problem

WARM_UP = 3
"""Steps before the capture, so that all is there that is made at the first use."""


class Graphed(Eager):
    """Batches are copied into tensors that stay where they are; those of each size have a graph of their own."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        is_adam = problem.workload.optimizer == "adam"
        self.options: dict[str, Any] = {"fused": True, **({"capturable": True} if is_adam else {})}

    def reset(self) -> None:
        super().reset()
        self.steps = [
            {size: Step(self, member, index, size) for size in set(member.workload.batch_rows)}
            for index, member in enumerate(self.members)
        ]

    def train_one(self, problem: Problem, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
        steps = self.steps[self.models.index(model)]
        history = []
        for order in problem.orders:
            losses = torch.empty(len(problem.workload.batch_rows), device=order.device)
            for index, (x, target) in enumerate(self.batches(problem, order)):
                losses[index] = steps[len(x)](x, target)
            history.append(losses)
        return history


class Step:
    """A graph of a member's step for batches of a size. What the warm-up learned is undone."""

    def __init__(self, peer: Graphed, member: Problem, index: int, size: int) -> None:
        model, optimizer, loss = peer.models[index], peer.optimizers[index], peer.loss
        self.x, self.target = (one[:size].clone() for one in (member.examples.features, member.examples.target))

        def step() -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            value: Tensor = loss(model(self.x), self.target)
            value.backward()
            optimizer.step()
            return value.detach()

        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(WARM_UP):
                step()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = step()
        for state in optimizer.state.values():
            for tensor in state.values():
                if isinstance(tensor, Tensor):
                    tensor.zero_()
        take_weights(model, member.weights)

    def __call__(self, x: Tensor, target: Tensor) -> Tensor:
        self.x.copy_(x)
        self.target.copy_(target)
        self.graph.replay()
        return self.loss
