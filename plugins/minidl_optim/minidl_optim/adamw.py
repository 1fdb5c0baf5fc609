"""AdamW."""

from __future__ import annotations

from minidl_core.nn.parameter import FlatParameters
from minidl_core.spec import Conformance
from minidl_optim.adam import Adam
from minidl_optim.descent import DECAYS


class AdamW(Adam):
    """w -= lr λ w,   then a step of Adam: the decay is no part of the gradient, and so is not scaled by its size.

    Equals `torch.optim.AdamW`: the decay is multiplied by lr, so that the paper's λ is lr times this one.

    Args:
        lr, betas, eps, amsgrad, maximize: as for Adam.
        weight_decay: λ, 0 or greater.
        decay_biases: whether biases and the scales of norms decay too.

    Source: Loshchilov and Hutter 2019, ICLR (arXiv 1711.05101), algorithm 2.
    """

    conformance = Conformance(
        examples=DECAYS,
        first_step=lambda self, w, g: (
            w * (1 - self.lr * self.weight_decay) - self.lr * (1 - 2 * self.maximize) * g / (g.abs() + self.eps)
        ),
    )

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        decay_biases: bool = True,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad, decay_biases, maximize)

    def step(self, parameters: FlatParameters) -> None:
        self.shrink(parameters)
        self.descend(parameters, self.gradient(parameters))
