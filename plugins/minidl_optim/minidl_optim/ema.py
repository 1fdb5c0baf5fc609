"""The exponential moving average of the weights."""

from __future__ import annotations

from typing import Any

from minidl_core.errors import require
from minidl_core.optim import Optimizer
from minidl_core.spec import Conformance
from minidl_optim.averaging import AveragingOptimizer


class EMA(AveragingOptimizer):
    """a = decay a + (1 - decay) w after each step of another optimizer, w -= lr ..., and a = w after the first.

    The model is evaluated and kept with a, which forgets what was more than some 1 / (1 - decay) steps ago.

    Args:
        optimizer: the one that trains w: `ema(adam(lr=0.01))`; its learning rate is that of a schedule.
        decay: 0 or greater, less than 1.

    Equals `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn(decay)`, updated after each step. What
    layers remember beside their weights, such as running means, is not averaged: it is that of w.

    Source: Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging, SIAM Journal on Control and
    Optimization 30(4), for the mean of all steps; Tarvainen and Valpola 2017, Mean teachers are better role models,
    NeurIPS, for the moving one.
    """

    conformance = Conformance(
        examples=({"optimizer": "sgd(lr=0.1)"}, {"optimizer": "adam(lr=0.1)", "decay": 0.9}),
        refused=({"optimizer": "ema(sgd)"},),
    )

    def __init__(self, optimizer: Optimizer | str, decay: float = 0.999) -> None:
        super().__init__(optimizer)
        require("decay", decay, 0 <= decay < 1, "0 or greater and less than 1")
        self.decay = decay

    def share(self) -> Any:
        return (1 - self.decay) + self.decay * 0.0 ** (self.steps - 1)  # 0⁰ is 1: the first step's share is all
