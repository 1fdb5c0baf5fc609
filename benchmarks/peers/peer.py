"""What every contestant does: build a training, take it back to its start, run it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from benchmarks.problem import Problem


class NotAvailableError(Exception):
    """A contestant cannot run here, and why."""


class Peer(ABC):
    """A training of a problem. Only `train` is timed."""

    share = 1.0
    """The part of all rounds that `train` trains, where each takes as long as the next."""
    spares_memory = False
    """Whether to do what takes less memory and more time, where there is a choice."""
    same_arithmetic = True
    """Whether its losses must be those of minidl, to rounding."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem, self.threads = problem, threads

    @abstractmethod
    def reset(self) -> None:
        """Take the first weights, and a new optimizer."""

    @abstractmethod
    def train(self) -> None:
        """Train for all epochs, and record each step's loss."""

    @abstractmethod
    def losses(self) -> list[float]:
        """The last epoch's mean loss of each round that was trained."""
