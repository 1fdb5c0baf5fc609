"""minidl through its public `fit`: what it does to become fast is within the time, and so is drawing the batches."""

from __future__ import annotations

import inspect
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar
from unittest.mock import patch

from benchmarks.peers.peer import NotAvailableError, Peer
from benchmarks.problem import Problem, new_model
from minidl_core.losses import Loss
from minidl_core.optim import Optimizer
from minidl_core.seeding import round_seeds
from minidl_core.training import fit
from minidl_core.training.capture.machine_code import is_available


def without_llvmlite() -> AbstractContextManager[object]:
    """As where it is not installed."""
    return patch.dict(sys.modules, {"llvmlite": None})


class Minidl(Peer):
    """As a user gets it who installs nothing besides."""

    options: ClassVar[dict[str, Any]] = {}
    jit: ClassVar[bool] = False
    """Whether it finds llvmlite."""

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        if missing := set(self.options) - set(inspect.signature(fit).parameters):
            raise NotAvailableError(f"this version of minidl has no {', '.join(missing)}")

    def reset(self) -> None:
        workload = self.problem.workload
        self.model = new_model(workload, self.problem.device)
        self.loss = Loss.of(workload.loss)
        self.optimizer = Optimizer.of(f"{workload.optimizer}(lr={workload.lr})")
        self.seeds = round_seeds(0, workload.rounds)

    def train(self) -> None:
        with nullcontext() if self.jit else without_llvmlite():
            self.history = fit(
                self.model,
                self.problem.examples,
                self.loss,
                self.optimizer,
                epochs=self.problem.workload.epochs,
                batch_size=self.problem.workload.batch_size,
                seeds=self.seeds,
                threads=self.threads,
                **self.options,
            )

    def losses(self) -> list[float]:
        return self.history[-1].double().reshape(-1).tolist()


class Jit(Minidl):
    """With the extra `jit`."""

    jit = True

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        if not is_available():
            raise NotAvailableError("llvmlite is not installed")


class Plain(Minidl):
    """Each step through the layers' own Python."""

    options: ClassVar[dict[str, Any]] = {"capture": False}
