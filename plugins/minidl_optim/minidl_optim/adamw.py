"""AdamW."""

from __future__ import annotations

from minidl_core.errors import require
from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.adam import Adam


class AdamW(Adam):
    """w -= lr λ w,   then a step of Adam: the decay is no part of the gradient, and so is not scaled by its size.

    Equals `torch.optim.AdamW`: the decay is multiplied by lr, so that the paper's λ is lr times this one.

    Args:
        lr, betas, eps: as for Adam.
        weight_decay: λ, 0 or greater.

    Source: Loshchilov and Hutter 2019, ICLR (arXiv 1711.05101), algorithm 2.
    """

    conformance = Conformance(
        first_step=lambda self, w, g: w * (1 - self.lr * self.weight_decay) - self.lr * g / (g.abs() + self.eps)
    )

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, betas, eps)
        require("weight_decay", weight_decay, weight_decay >= 0, "0 or greater")
        self.weight_decay = weight_decay

    def step(self, parameters: FlatParameters) -> None:
        self.remembered("mean", parameters)  # refuses parameters of another size before anything is changed
        parameters.values *= 1 - self.lr * self.weight_decay
        super().step(parameters)
