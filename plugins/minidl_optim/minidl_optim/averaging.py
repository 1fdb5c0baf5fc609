"""What the optimizers have in common that average the weights which another one trains."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor

from minidl_core.errors import require
from minidl_core.nn import FlatParameters
from minidl_core.optim import Optimizer


class AveragingOptimizer(Optimizer):
    """Steps with another optimizer, and then averages the weights: a = (1 - s) a + s w, with a share s of each step.

    The model is evaluated, watched and kept with a; trained is w. What it remembers is the inner optimizer's state and
    `average`.
    """

    def __init__(self, optimizer: Optimizer | str) -> None:
        self.optimizer = Optimizer.of(optimizer)
        is_average = isinstance(self.optimizer, AveragingOptimizer)
        require("optimizer", str(self.optimizer), not is_average, "one that trains, and no average of one")

    @abstractmethod
    def share(self) -> Any:
        """s of the step that was just taken, from 0 to 1; 1 for the first."""

    def step(self, parameters: FlatParameters) -> None:
        average = self.remembered("average", parameters)
        self.optimizer.step(parameters)
        share = self.share()
        average *= 1 - share
        average += share * parameters.values

    def averaged(self, parameters: FlatParameters) -> Tensor | None:
        return self.state.get("average")

    # -- what is the inner optimizer's ----------------------------------------------------------------------

    @property
    def lr(self) -> Any:
        """The learning rate, which a schedule sets."""
        return self.optimizer.lr

    @lr.setter
    def lr(self, lr: Any) -> None:
        self.optimizer.lr = lr

    @property
    def steps(self) -> int:
        return self.optimizer.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self.optimizer.steps = steps

    @property
    def state(self) -> dict[str, Tensor]:
        return self.optimizer.state
