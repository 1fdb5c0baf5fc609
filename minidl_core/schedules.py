"""Learning-rate schedules, in order of increasing complexity."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from minidl_core.errors import require
from minidl_core.spec.component import Component
from minidl_core.spec.conformance import Conformance


class Progress(NamedTuple):
    """How far a training is, before a step."""

    epoch: int
    """Epochs that are done."""
    epochs: int
    """Of the whole training."""
    step: int
    """Steps that are done, since the training began."""
    steps: int
    """Of the whole training."""


class Schedule(Component):
    """The learning rate in the course of a training: the optimizer's own, times `schedule(progress)`."""

    kind: ClassVar[str] = "schedule"

    by_step: ClassVar[bool] = False
    """Whether it is asked before each step, and not only before each epoch."""

    @abstractmethod
    def __call__(self, progress: Progress) -> float | Tensor:
        """The factor, 0 or greater: a number, or one for each round, `[*rounds]`."""

    def begin(self) -> None:
        """Forget what an earlier training was like."""

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        """Take note of an epoch's loss of each round, `[*rounds]`: on validation data where there are some."""


class Constant(Schedule):
    """1: the optimizer's own rate throughout."""

    def __call__(self, progress: Progress) -> float:
        return 1.0


class Step(Schedule):
    """gamma^⌊epoch / step_size⌋.

    Equals `torch.optim.lr_scheduler.StepLR`.

    Args:
        step_size: epochs between two steps, at least 1.
        gamma: what the rate is multiplied with at each, greater than 0.
    """

    def __init__(self, step_size: int = 30, gamma: float = 0.1) -> None:
        require("step_size", step_size, step_size >= 1, "at least 1")
        require("gamma", gamma, gamma > 0, "greater than 0")
        self.step_size, self.gamma = step_size, gamma

    def __call__(self, progress: Progress) -> float:
        return float(self.gamma ** (progress.epoch // self.step_size))


class Exponential(Schedule):
    """gamma^epoch.

    Equals `torch.optim.lr_scheduler.ExponentialLR`.

    Args:
        gamma: what the rate is multiplied with after each epoch, greater than 0.
    """

    def __init__(self, gamma: float = 0.99) -> None:
        require("gamma", gamma, gamma > 0, "greater than 0")
        self.gamma = gamma

    def __call__(self, progress: Progress) -> float:
        return float(self.gamma**progress.epoch)


class Cosine(Schedule):
    """f + (1 - f) (1 + cos(π epoch / epochs)) / 2, from 1 towards f = final.

    Equals `torch.optim.lr_scheduler.CosineAnnealingLR` with T_max = epochs and eta_min = f lr.

    Args:
        final: the factor at the end, from 0 to 1.

    Source: Loshchilov and Hutter 2017, ICLR (arXiv 1608.03983), eq. 5, without restarts.
    """

    conformance = Conformance(refused=({"final": 1.5},))

    def __init__(self, final: float = 0.0) -> None:
        require("final", final, 0 <= final <= 1, "from 0 to 1")
        self.final = final

    def __call__(self, progress: Progress) -> float:
        return _cosine(1.0, self.final, progress.epoch / progress.epochs)


class WarmupCosine(Schedule):
    """(step + 1) / W in the first W steps, then as `cosine`, step by step, from 1 towards f = final.

    Equals `torch.optim.lr_scheduler.SequentialLR` of LinearLR and CosineAnnealingLR.

    Args:
        warmup: W as a part of all steps, 0 or greater and less than 1.
        final: the factor at the end, from 0 to 1.

    Source: Goyal et al. 2017 (arXiv 1706.02677), section 2.2, for the warm-up.
    """

    by_step = True
    conformance = Conformance(refused=({"warmup": 1.0}, {"final": 1.5}))

    def __init__(self, warmup: float = 0.1, final: float = 0.0) -> None:
        require("warmup", warmup, 0 <= warmup < 1, "0 or greater and less than 1")
        require("final", final, 0 <= final <= 1, "from 0 to 1")
        self.warmup, self.final = warmup, final

    def __call__(self, progress: Progress) -> float:
        rising = round(self.warmup * progress.steps)
        if progress.step < rising:
            return (progress.step + 1) / rising
        return _cosine(1.0, self.final, (progress.step - rising) / (progress.steps - rising))


class OneCycle(Schedule):
    """From 1 / div_factor up to 1 and down to 1 / (div_factor final_div_factor), each way half a cosine, step by step.

    Equals `torch.optim.lr_scheduler.OneCycleLR` with max_lr = lr, without its cycle of the momentum: the optimizer's
    rate is the greatest.

    Args:
        pct_start: the part of all steps in which the rate rises, from 0 to 1.
        div_factor: of the first rate, at least 1.
        final_div_factor: of the last rate beside the first, at least 1.

    Source: Smith and Topin 2019, Super-convergence (arXiv 1708.07120).
    """

    by_step = True
    conformance = Conformance(refused=({"pct_start": 1.5}, {"div_factor": 0.5}, {"final_div_factor": 0.5}))

    def __init__(self, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4) -> None:
        require("pct_start", pct_start, 0 <= pct_start <= 1, "from 0 to 1")
        require("div_factor", div_factor, div_factor >= 1, "at least 1")
        require("final_div_factor", final_div_factor, final_div_factor >= 1, "at least 1")
        self.pct_start, self.div_factor, self.final_div_factor = pct_start, div_factor, final_div_factor

    def __call__(self, progress: Progress) -> float:
        top, last = self.pct_start * progress.steps - 1, progress.steps - 1
        first = 1 / self.div_factor
        if progress.step <= top:
            return _cosine(first, 1.0, progress.step / top if top > 0 else 1.0)
        return _cosine(1.0, first / self.final_div_factor, (progress.step - top) / (last - top) if last > top else 1.0)


class ReduceOnPlateau(Schedule):
    """Times `factor` whenever a round's loss has not fallen for more than `patience` epochs; each round by itself.

    The loss is that on validation data, or on the training data where there are none. It has fallen where it is less
    than (1 - threshold) times the least before. Equals `torch.optim.lr_scheduler.ReduceLROnPlateau` in its mode `min`
    with eps=0.

    Args:
        factor: greater than 0 and less than 1.
        patience: epochs without progress that are borne, 0 or more.
        threshold: 0 or greater and less than 1.
        final: the least factor of all, from 0 to 1.
    """

    conformance = Conformance(
        examples=({"threshold": 0.3}, {"threshold": 0.1, "final": 0.01}),
        refused=({"factor": 1.0}, {"threshold": 1.0}, {"final": 1.5}),
    )

    def __init__(self, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, final: float = 0.0) -> None:
        require("factor", factor, 0 < factor < 1, "greater than 0 and less than 1")
        require("patience", patience, patience >= 0, "0 or more")
        require("threshold", threshold, 0 <= threshold < 1, "0 or greater and less than 1")
        require("final", final, 0 <= final <= 1, "from 0 to 1")
        self.factor, self.threshold, self.final = factor, threshold, final
        self.patience = min(patience, 2**62)  # of which a tensor of integers can tell
        self.begin()

    def begin(self) -> None:
        self.factors = torch.ones((), dtype=torch.float64)
        self.least = torch.full((), math.inf, dtype=torch.float64)
        self.epochs_without = torch.zeros((), dtype=torch.int64)

    def __call__(self, progress: Progress) -> Tensor:
        return self.factors

    def epoch_ended(self, epoch: int, value: Tensor) -> None:
        value = value.double()
        least, epochs_without, factors = (
            one.to(value.device) for one in (self.least, self.epochs_without, self.factors)
        )
        has_fallen = value < least * (1 - self.threshold)
        self.least = torch.where(has_fallen, value, least)
        self.epochs_without = torch.where(has_fallen, 0, epochs_without + 1)
        is_due = self.epochs_without > self.patience
        self.factors = torch.where(is_due, (factors * self.factor).clamp(min=self.final), factors)
        self.epochs_without = self.epochs_without.masked_fill(is_due, 0)


def _cosine(first: float, last: float, part: float) -> float:
    """Between two numbers by half a cosine: the first at 0, the last at 1."""
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2
