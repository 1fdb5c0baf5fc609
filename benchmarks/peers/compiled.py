"""PyTorch with torch.compile: forward, backward and update as one graph without breaks."""

from __future__ import annotations

import shutil

import torch
from torch import Tensor

from benchmarks.peers.ensembled import Values, batches, first_values, gradients_of
from benchmarks.peers.peer import NotAvailableError, Peer
from benchmarks.problem import Problem

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Compiled(Peer):
    """With static shapes and the wrapper in C++, which takes about two thirds of the time of that in Python."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        if not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise NotAvailableError("torch.compile needs a C++ compiler")
        torch._dynamo.reset()
        gradients, workload = gradients_of(problem), problem.workload
        lr, is_adam = workload.lr, workload.optimizer == "adam"

        def step(values: Values, means: Values, squares: Values, count: Tensor, x: Tensor, target: Tensor) -> Tensor:
            found, loss = gradients(values, x, target)
            if is_adam:
                count.add_(1)
                correction1, correction2 = 1 - BETA1**count, 1 - BETA2**count
            for name, value in values.items():
                g = found[name]
                if is_adam:
                    mean = means[name].lerp_(g, 1 - BETA1)
                    square = squares[name].mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                    value.sub_(lr * (mean / correction1) / ((square / correction2).sqrt() + EPS))
                else:
                    value.sub_(g, alpha=lr)
            return loss

        # On a GPU its launches count for more than the wrapper around them.
        self.is_on_gpu = problem.device.type == "cuda"
        options = {"triton.cudagraphs": True} if self.is_on_gpu else {"cpp_wrapper": True}
        self.step = torch.compile(step, fullgraph=True, dynamic=False, options=options)

    def reset(self) -> None:
        self.values = first_values(self.problem)
        is_adam = self.problem.workload.optimizer == "adam"
        self.means, self.squares = (
            {name: torch.zeros_like(value) for name, value in self.values.items()} if is_adam else {} for _ in range(2)
        )
        self.count = torch.zeros((), device=self.problem.device)
        if self.is_on_gpu:  # a CUDA graph changes in place only what it may take for staying where it is
            for tensor in (*self.values.values(), *self.means.values(), *self.squares.values(), self.count):
                torch._dynamo.mark_static_address(tensor)

    def train(self) -> None:
        self.history = []
        for order in self.problem.orders:
            losses = [
                self._loss(self.step(self.values, self.means, self.squares, self.count, x, target))
                for x, target in batches(self.problem, order)
            ]
            self.history.append(torch.stack(losses))

    def _loss(self, given: Tensor) -> Tensor:
        """One that stays when the next step writes over it, as it does within a CUDA graph."""
        return given.clone() if self.is_on_gpu else given

    def losses(self) -> list[float]:
        return self.problem.epoch_loss(self.history[-1])
