"""Stochastic weight averaging."""

from __future__ import annotations

from typing import Any

from minidl_core.errors import require
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance
from minidl_optim.averaging import AveragingOptimizer


class SWA(AveragingOptimizer):
    """a += (w - a) / n, the mean of n weights, after step start + 1 + (n - 1) every of another optimizer, w -= lr ...

    The model is evaluated and kept with a. Up to step start + 1 that is w itself.

    Args:
        optimizer: the one that trains w: `swa(sgd(lr=0.1),start=1000)`; its learning rate is that of a schedule.
        start: after how many steps the averaging begins, 0 or greater. An epoch has as many steps as batches.
        every: how many steps there are from one weight of the mean to the next, at least 1.

    Equals `torch.optim.swa_utils.AveragedModel`, updated at these steps. What layers remember beside their weights,
    such as running means, is not averaged: it is that of w.

    Source: Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization, UAI, algorithm 1.
    """

    conformance = Conformance(
        examples=({"optimizer": "sgd(lr=0.1)"}, {"optimizer": "adam(lr=0.1)", "start": 2, "every": 2}),
        refused=({"optimizer": "swa(sgd)"},),
    )

    def __init__(self, optimizer: Optimizer | str, start: int = 0, every: int = 1) -> None:
        super().__init__(optimizer)
        require("start", start, 0 <= start <= 2**53, "0 or greater")
        require("every", every, 1 <= every <= 2**53, "at least 1")
        self.start, self.every = start, every

    def share(self) -> Any:
        # In numbers alone, for steps that are counted in a tensor: a captured step decides nothing in Python.
        after = self.steps - self.start - 1
        has_begun = 1.0 * (after >= 0)
        is_due = 1.0 * (after % self.every == 0)
        count = has_begun * (after // self.every) + 1
        return has_begun * is_due / count + (1 - has_begun)
